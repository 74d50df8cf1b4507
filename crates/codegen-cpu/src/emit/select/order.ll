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

; Sorts words, smallest first. Those with equal upper halves must stand in the
; order of their lower halves: only upper halves are looked at where there are
; many, a digit of 8 bits at a time, from the lowest to the highest.
define internal void @tile.order(ptr %words, ptr %spare, i64 %count) #0 {
entry:
  %places = alloca [256 x i64], align 64
  %few = icmp ule i64 %count, 256
  br i1 %few, label %heap, label %digit
heap:
  call void @tile.heapify(ptr %words, i64 %count)
  call void @tile.sort(ptr %words, i64 %count)
  ret void
digit:
  %shift = phi i64 [32, %entry], [%shift.next, %next]
  %from = phi ptr [%words, %entry], [%from.next, %next]
  %to = phi ptr [%spare, %entry], [%to.next, %next]
  call void @llvm.memset.p0.i64(ptr align 64 %places, i8 0, i64 2048, i1 false)
  br label %tally
tally:
  %t = phi i64 [0, %digit], [%t.next, %tally]
  %t.at = getelementptr inbounds i64, ptr %from, i64 %t
  %t.word = load i64, ptr %t.at
  %t.shifted = lshr i64 %t.word, %shift
  %t.digit = and i64 %t.shifted, 255
  %t.place = getelementptr inbounds i64, ptr %places, i64 %t.digit
  %t.before = load i64, ptr %t.place
  %t.after = add nuw nsw i64 %t.before, 1
  store i64 %t.after, ptr %t.place
  %t.next = add nuw nsw i64 %t, 1
  %t.more = icmp ult i64 %t.next, %count
  br i1 %t.more, label %tally, label %same
same:
  ; Where all have this digit in common they stay where they are.
  %one = icmp eq i64 %t.after, %count
  br i1 %one, label %next, label %sums
sums:
  %s = phi i64 [0, %same], [%s.next, %sums]
  %sum = phi i64 [0, %same], [%sum.next, %sums]
  %s.place = getelementptr inbounds i64, ptr %places, i64 %s
  %s.count = load i64, ptr %s.place
  store i64 %sum, ptr %s.place
  %sum.next = add nuw nsw i64 %sum, %s.count
  %s.next = add nuw nsw i64 %s, 1
  %s.more = icmp ult i64 %s.next, 256
  br i1 %s.more, label %sums, label %move
move:
  %m = phi i64 [0, %sums], [%m.next, %move]
  %m.at = getelementptr inbounds i64, ptr %from, i64 %m
  %m.word = load i64, ptr %m.at
  %m.shifted = lshr i64 %m.word, %shift
  %m.digit = and i64 %m.shifted, 255
  %m.place = getelementptr inbounds i64, ptr %places, i64 %m.digit
  %m.to = load i64, ptr %m.place
  %m.after = add nuw nsw i64 %m.to, 1
  store i64 %m.after, ptr %m.place
  %m.new = getelementptr inbounds i64, ptr %to, i64 %m.to
  store i64 %m.word, ptr %m.new
  %m.next = add nuw nsw i64 %m, 1
  %m.more = icmp ult i64 %m.next, %count
  br i1 %m.more, label %move, label %moved
moved:
  br label %next
next:
  %from.next = phi ptr [%from, %same], [%to, %moved]
  %to.next = phi ptr [%to, %same], [%from, %moved]
  %shift.next = add nuw nsw i64 %shift, 8
  %more = icmp ult i64 %shift.next, 64
  br i1 %more, label %digit, label %last
last:
  %is.there = icmp eq ptr %from.next, %words
  br i1 %is.there, label %done, label %copy
copy:
  %bytes = shl i64 %count, 3
  call void @llvm.memcpy.p0.p0.i64(ptr %words, ptr %from.next, i64 %bytes, i1 false)
  br label %done
done:
  ret void
}

; Takes those of %count ranks that come before the bound, with the indices from
; %index on. The state is { keep, count, capacity, bound }, i64 each.
define internal void @tile.offer(ptr %state, ptr %words, ptr %ranks, i64 %index, i64 %count) #0 {
entry:
  %bound.at = getelementptr inbounds i64, ptr %state, i64 3
  br label %loop
loop:
  %n = phi i64 [0, %entry], [%n.next, %next]
  %more = icmp slt i64 %n, %count
  br i1 %more, label %look, label %done
look:
  %rank.at = getelementptr inbounds i32, ptr %ranks, i64 %n
  %rank.value = load i32, ptr %rank.at
  %rank = zext i32 %rank.value to i64
  %bound = load i64, ptr %bound.at
  %before = icmp ult i64 %rank, %bound
  br i1 %before, label %take, label %next
take:
  %at = add nsw i64 %index, %n
  %high = shl i64 %rank, 32
  %word = or i64 %high, %at
  call void @tile.take(ptr %state, ptr %words, i64 %word)
  br label %next
next:
  %n.next = add nsw i64 %n, 1
  br label %loop
done:
  ret void
}

; Takes one word that comes before the bound.
define internal void @tile.take(ptr %state, ptr %words, i64 %word) #0 {
entry:
  %count.at = getelementptr inbounds i64, ptr %state, i64 1
  %capacity.at = getelementptr inbounds i64, ptr %state, i64 2
  %bound.at = getelementptr inbounds i64, ptr %state, i64 3
  %keep = load i64, ptr %state
  %count = load i64, ptr %count.at
  %capacity = load i64, ptr %capacity.at
  %heap = icmp ule i64 %capacity, 256
  %full = icmp eq i64 %count, %capacity
  br i1 %full, label %displace, label %append
displace:
  br i1 %heap, label %top, label %cut
top:
  call void @tile.sift(ptr %words, i64 %keep, i64 0, i64 %word)
  br label %largest
cut:
  ; The first %keep stay; the word may come too late for them.
  %spare = getelementptr inbounds i64, ptr %words, i64 %capacity
  call void @tile.order(ptr %words, ptr %spare, i64 %count)
  store i64 %keep, ptr %count.at
  %kept = sub nsw i64 %keep, 1
  %kept.at = getelementptr inbounds i64, ptr %words, i64 %kept
  %kept.word = load i64, ptr %kept.at
  %kept.rank = lshr i64 %kept.word, 32
  store i64 %kept.rank, ptr %bound.at
  %early = icmp ult i64 %word, %kept.word
  br i1 %early, label %append, label %done
append:
  %end = phi i64 [%count, %entry], [%keep, %cut]
  %end.at = getelementptr inbounds i64, ptr %words, i64 %end
  store i64 %word, ptr %end.at
  %end.next = add nsw i64 %end, 1
  store i64 %end.next, ptr %count.at
  %filled = icmp eq i64 %end.next, %capacity
  %heaped = and i1 %heap, %filled
  br i1 %heaped, label %build, label %done
build:
  call void @tile.heapify(ptr %words, i64 %capacity)
  br label %largest
largest:
  %largest.word = load i64, ptr %words
  %largest.rank = lshr i64 %largest.word, 32
  store i64 %largest.rank, ptr %bound.at
  br label %done
done:
  ret void
}
