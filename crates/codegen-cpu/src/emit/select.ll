; A heap of unsigned 64-bit words with the largest at the top, and its sort.

; Puts %value where %at is free, moving larger children up.
define internal void @tile.sift(ptr %heap, i64 %count, i64 %at, i64 %value) #0 {
entry:
  br label %loop
loop:
  %hole = phi i64 [%at, %entry], [%child, %down]
  %twice = shl nsw i64 %hole, 1
  %left = add nsw i64 %twice, 1
  %inside = icmp slt i64 %left, %count
  br i1 %inside, label %children, label %done
children:
  %next = add nsw i64 %left, 1
  %two = icmp slt i64 %next, %count
  %right = select i1 %two, i64 %next, i64 %left
  %left.at = getelementptr inbounds i64, ptr %heap, i64 %left
  %right.at = getelementptr inbounds i64, ptr %heap, i64 %right
  %left.value = load i64, ptr %left.at
  %right.value = load i64, ptr %right.at
  %is.right = icmp ugt i64 %right.value, %left.value
  %child = select i1 %is.right, i64 %right, i64 %left
  %largest = select i1 %is.right, i64 %right.value, i64 %left.value
  %larger = icmp ugt i64 %largest, %value
  %hole.at = getelementptr inbounds i64, ptr %heap, i64 %hole
  br i1 %larger, label %down, label %done
down:
  store i64 %largest, ptr %hole.at
  br label %loop
done:
  %end = getelementptr inbounds i64, ptr %heap, i64 %hole
  store i64 %value, ptr %end
  ret void
}

; Makes a heap of any words.
define internal void @tile.heapify(ptr %heap, i64 %count) #0 {
entry:
  %half = lshr i64 %count, 1
  br label %loop
loop:
  %above = phi i64 [%half, %entry], [%at, %body]
  %more = icmp sgt i64 %above, 0
  br i1 %more, label %body, label %done
body:
  %at = sub nsw i64 %above, 1
  %place = getelementptr inbounds i64, ptr %heap, i64 %at
  %value = load i64, ptr %place
  call void @tile.sift(ptr %heap, i64 %count, i64 %at, i64 %value)
  br label %loop
done:
  ret void
}

; Sorts a heap, smallest first.
define internal void @tile.sort(ptr %heap, i64 %count) #0 {
entry:
  br label %loop
loop:
  %left = phi i64 [%count, %entry], [%last, %body]
  %more = icmp sgt i64 %left, 1
  br i1 %more, label %body, label %done
body:
  %last = sub nsw i64 %left, 1
  %place = getelementptr inbounds i64, ptr %heap, i64 %last
  %value = load i64, ptr %place
  %largest = load i64, ptr %heap
  store i64 %largest, ptr %place
  call void @tile.sift(ptr %heap, i64 %last, i64 0, i64 %value)
  br label %loop
done:
  ret void
}
