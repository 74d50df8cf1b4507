"""Where run_check.py runs programs that are neither contractions nor rows alone:
selections, routers, grouped products, mixtures of experts and idioms.

Points are quick and reach what is hard: ragged sizes, one row, none, more places than a
block has candidates for, experts without rows.
"""

# Tokens through experts by kernels[T, D, F, E, S], some of them empty: rows of whole 16
# bytes, ragged ones, one token with all experts, and no token.
LAYERS = [(65, 128, 72, 8, 2), (33, 65, 63, 5, 3), (1, 40, 32, 16, 16), (0, 64, 32, 4, 2)]
ROUTERS = [(128, 64, 8), (2048, 256, 2), (7, 8, 8), (0, 4, 1)]
# Tokens, groups, experts of a group, groups that are picked, experts that are.
GROUPS = [(128, 8, 32, 4, 8), (7, 2, 4, 1, 2), (0, 4, 4, 2, 3)]
# Rows, columns, places: what warps, blocks, and blocks that share a row find.
SELECTIONS = [(33, 252, 8), (9, 3001, 65), (9, 33000, 64), (2, 262148, 300), (4, 16000, 16000), (0, 9, 4)]
# File, kernel, points in the order of its sizes.
OTHERS: dict[str, dict[str, list[tuple[int, ...]]]] = {
    "examples/topk/topk": {"topk": SELECTIONS, "topk_staged": [(9, 129, 127, 64), (65, 7, 1, 1), (9, 4, 63, 8)]},
    "examples/topk/sample": {"sample": [(9, 5000, 50), (3, 129280, 300), (1, 1, 1)]},
    "examples/top_p/top_p": {"top_p": [(9, 700), (65, 129), (1, 1)]},
    "examples/fusedmoe/fusedmoe": {"fused_moe": LAYERS},
    "examples/fusedmoe/capacity": {"fused_moe_capacity": [(*p, 5) for p in LAYERS]},
    "examples/fusedmoe/shared": {"fused_moe_shared": [(t, d, f, 40, e, s) for t, d, f, e, s in LAYERS]},
    "examples/fusedmoe/routers": {
        "softmax_all": ROUTERS,
        "softmax_renormalized": ROUTERS,
        "softmax_picked": ROUTERS,
        "sigmoid_biased": ROUTERS,
        "grouped_biased": GROUPS,
    },
    "tests/cases/select/select": {
        "of_f32": SELECTIONS,
        "of_bf16": [(3, 3, 5003), (65, 1, 129), (1, 2, 262144)],
        "of_narrow": SELECTIONS,
        "later": [(9, 5000, 100), (9, 129, 8), (0, 9, 4)],
        "of_row": [(270001,), (1,), (5000,)],
    },
    "tests/cases/grouped/plans/batched": {
        "sequences": [(3, 33, 64, 40, 4, 2), (2, 7, 63, 33, 5, 1)],
        "heads": [(65, 2, 72, 64, 5), (7, 3, 33, 63, 2)],
    },
    "tests/cases/grouped/plans/drop": {"drop": [(*p, 3) for p in LAYERS]},
    "tests/cases/grouped/plans/explicit_groups": {
        "sorted_rows": [(65, 130, 64, 72, 9), (5, 33, 63, 33, 3), (4, 0, 64, 32, 2)],
        "by_offsets": [(130, 64, 72, 9), (33, 63, 33, 3), (0, 64, 32, 2)],
        "by_count": [(5, 33, 64, 72), (3, 7, 63, 33), (2, 0, 64, 32)],
    },
    "tests/cases/grouped/plans/narrow_weights": {
        "blocks": LAYERS,
        "channels": LAYERS,
        "integers": [(130, 64, 72, 5), (33, 63, 33, 3), (0, 64, 32, 2)],
    },
    "tests/cases/grouped/plans/one_tensor": {"offset": LAYERS, "stacked": LAYERS, "interleaved": LAYERS},
    "tests/cases/grouped/plans/routers": {
        "softmax_all": LAYERS,
        "grouped_top_k": [(65, 4, 4, 64, 72, 2, 2), (7, 2, 3, 63, 33, 1, 2)],
    },
    **{
        f"tests/cases/grouped/same/{name}": {name: LAYERS}
        for name in ["fused", "late_softmax", "one_sum", "other_axes", "split", "weighed_rows"]
    },
    "tests/cases/idioms/grouped_gemm": {
        "grouped_gemm": [(300, 136, 192, 5), (65, 129, 63, 129), (0, 64, 32, 2)],
        "grouped_gemm_sorted": [(300, 136, 192, 5), (65, 129, 63, 129), (0, 64, 32, 2)],
    },
    "tests/cases/idioms/grouped_gemm_masked": {"grouped_gemm_masked": [(5, 130, 136, 64), (3, 33, 63, 129)]},
    "tests/cases/idioms/moe_variants": {
        "route_softmax_first": ROUTERS,
        "route_sigmoid": ROUTERS,
        "experts_fp8": LAYERS,
        "experts_i8": LAYERS,
    },
    "tests/cases/idioms/grouped_topk": {"grouped_topk": GROUPS},
    "tests/cases/idioms/capacity": {"capacity": [(65, 6, 65, 2), (9, 3, 129, 1000)]},
    "tests/cases/idioms/histogram": {"histogram": [(128, 8, 64), (0, 2, 5)]},
    "tests/cases/idioms/order": {
        name: [(9, 129), (65, 1000)] for name in ["order_f32", "order_bf16", "order_f16", "order_i32", "extremes"]
    },
    "tests/cases/idioms/argmax_rounds": {name: [(77, 129), (9, 5000)] for name in ["argmax_rounds", "argmax_rounds_any"]},
    "tests/cases/idioms/prefix_sum": {"prefix_sum": [(3, 3000), (65, 129)]},
    "tests/cases/idioms/reductions": {
        name: [(65, 129), (9, 5000)] for name in ["reduce_floats", "reduce_integers", "reduce_shapes"]
    },
    "tests/cases/idioms/random": {"random_words": [(5000,)], "dropout": [(65, 129)]},
    "tests/cases/idioms/sampling": {"top_k_sample": [(9, 5000, 5)], "min_p_sample": [(9, 5000)]},
    "tests/cases/idioms/guards": {"guards": [(129,), (1,)], "convolve": [(65, 129)], "causal": [(129, 64)]},
    "tests/cases/idioms/index": {"locate": [(65, 7, 9)], "lookup": [(129, 65, 40)], "blocks": [(65, 128)]},
    "tests/cases/idioms/gemm_i8": {"gemm_i8": [(129, 136, 128), (77, 65, 63)], "gemm_u8": [(129, 136, 128), (77, 65, 63)]},
}
