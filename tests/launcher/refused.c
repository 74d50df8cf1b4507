/* Asks for launches that are refused, and prints what is said of each. */
#include <stdio.h>

#include "scale.h"

static void ask(int64_t M, int64_t N, const void *x, void *y, void *workspace, int64_t bytes) {
    struct scale_args args = {0};
    args.M = M;
    args.N = N;
    args.x = x;
    args.by = 2.0f;
    args.y = y;
    const char *said = scale_launch(&args, workspace, bytes, 0);
    printf("%lld %s\n", (long long)scale_workspace_bytes(M, N), said ? said : "launched");
}

int main(void) {
    char *here = (char *)0x10000;
    ask(-1, 2, here, here, here, 1024);
    ask(1, 2147483648, here, here, here, 1024);
    ask(1, 3, here, here, here, 1024);
    ask(2147483647, 2147483646, here, here, here, 1024);
    ask(4, 2, 0, here, here, 1024);
    ask(4, 2, here, here + 8, here, 1024);
    ask(4, 2, here, here, here, 511);
    ask(4, 2, here, here, 0, 1024);
    ask(4, 2, here, here, here + 16, 1024);
    ask(0, 0, 0, 0, 0, 0);
    printf("%s\n", scale_launch(0, 0, 0, 0));
    return 0;
}
