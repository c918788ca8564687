/* SPDX-License-Identifier: MIT */
/* MIL ops that move elements: cuts, padding, blocks, gathers, scatters, images. */
#include "foreign-support.h"

#include <math.h>

enum { ROOM = 4096 };

typedef struct bench {
    double x[ROOM], y[ROOM], want[ROOM];
} bench;

static int new_bench(void **state) {
    bench *b = calloc(1, sizeof *b);
    uint64_t seed = 7;
    if (b == NULL) return 1;
    for (int i = 0; i < ROOM; i++) b->x[i] = test_random_unit(&seed);
    *state = b;
    return 0;
}

static int free_bench(void **state) {
    free(*state);
    return 0;
}

/* The program of these statements on x (and y), which gives z. */
static void check(bench *b, const char *parameters, const char *statements, double tolerance) {
    char text[2048];
    snprintf(text, sizeof text, FOREIGN("%s", "%s", "z"), parameters, statements);
    foreign_check(&(foreign_case){.text = text,
                                  .inputs = (const double *const[]){b->x, b->y},
                                  .expected = (const double *const[]){b->want},
                                  .expected_count = 1,
                                  .exact = {tolerance, tolerance},
                                  .device = {fmax(tolerance, 1e-7), fmax(tolerance, 1e-7)}});
}

/* x as [A, B, C, D] */
#define AT(v, B, C, D, a, b_, c, d) ((v)[(((a) * (B) + (b_)) * (C) + (c)) * (D) + (d)])

static void test_backwards(void **state) {
    bench *b = *state;
    for (int i = 0; i < 3; i++) { /* x[2:-9:-1, 1:5:3] */
        for (int k = 0; k < 2; k++) b->want[i * 2 + k] = b->x[(2 - i) * 5 + 1 + 3 * k];
    }
    check(b, "tensor<fp32, [3, 5]> x",
          "tensor<fp32, [3, 2]> z = slice_by_index(x = x, begin = [2, 1], end = [-9, 5], stride = "
          "[-1, 3]);\n",
          0);
    for (int i = 0; i < 2; i++) { /* x[i, ::-2], the first row only */
        for (int k = 0; k < 3; k++) b->want[k] = b->x[4 - 2 * k];
    }
    check(b, "tensor<fp32, [3, 5]> x",
          "tensor<fp32, [3]> z = slice_by_index(x = x, begin = [0, 0], end = [0, 0], stride = [1, "
          "-2], begin_mask = [false, true], end_mask = [false, true], squeeze_mask = [true, "
          "false]);\n",
          0);
    for (int k = 0; k < 2; k++) b->want[k] = b->x[3 - k]; /* x[-2:1:-1] of five */
    check(b, "tensor<fp32, [5]> x",
          "tensor<fp32, [2]> z = slice_by_index(x = x, begin = [-2], end = [1], stride = [-1]);\n",
          0);
    for (int i = 0; i < 3; i++) {
        for (int k = 0; k < 5; k++) b->want[i * 5 + k] = b->x[(2 - i) * 5 + 4 - k];
    }
    check(b, "tensor<fp32, [3, 5]> x", "tensor<fp32, [3, 5]> z = reverse(x = x);\n", 0);
    check(b, "tensor<fp32, [3, 5]> x", "tensor<fp32, [3, 5]> z = reverse(x = x, axes = [0, -1]);\n",
          0);
    for (int i = 0; i < 15; i++) b->want[i] = b->x[i / 5 * 5 + 4 - i % 5];
    check(b, "tensor<fp16, [3, 5]> x",
          "tensor<fp32, [3, 5]> w = cast(x = x, dtype = \"fp32\");\n"
          "tensor<fp32, [3, 5]> z = reverse(x = w, axes = [1]);\n",
          1e-3);
}

static void test_crop_and_windows(void **state) {
    bench *b = *state;
    for (int c = 0; c < 2; c++) {
        for (int i = 0; i < 2; i++) {
            for (int k = 0; k < 2; k++)
                b->want[(c * 2 + i) * 2 + k] = AT(b->x, 2, 4, 5, 0, c, i + 1, k + 2);
        }
    }
    check(
        b, "tensor<fp32, [1, 2, 4, 5]> x",
        "tensor<fp32, [1, 2, 2, 2]> z = crop(x = x, crop_height = [1, 1], crop_width = [2, 1]);\n",
        0);
    for (int i = 0; i < 2; i++) { /* windows of 3, two apart, of 6 */
        for (int w = 0; w < 2; w++) {
            for (int k = 0; k < 3; k++) b->want[(i * 2 + w) * 3 + k] = b->x[i * 6 + 2 * w + k];
        }
    }
    check(b, "tensor<fp32, [2, 6]> x",
          "tensor<fp32, [2, 2, 3]> z = sliding_windows(x = x, axis = 1, size = 3, stride = 2);\n",
          0);
}

static void test_pads(void **state) {
    bench *b = *state;
    static const int reflect[] = {2, 1, 0, 1, 2, 3, 2}, replicate[] = {0, 0, 0, 1, 2, 3, 3};
    for (int i = 0; i < 3; i++) {
        for (int k = 0; k < 7; k++) b->want[i * 7 + k] = b->x[(i == 2 ? 0 : i) * 4 + reflect[k]];
    }
    check(b, "tensor<fp32, [2, 4]> x",
          "tensor<fp32, [3, 7]> z = pad(x = x, pad = [0, 1, 2, 1], mode = \"reflect\");\n", 0);
    for (int i = 0; i < 2; i++) {
        for (int k = 0; k < 7; k++) b->want[i * 7 + k] = b->x[i * 4 + replicate[k]];
    }
    check(b, "tensor<fp32, [2, 4]> x",
          "tensor<fp32, [2, 7]> z = pad(x = x, pad = [2, 1], mode = \"replicate\");\n", 0);
}

/* [N, C, H, W] = [2, 8, 4, 6] in blocks of 2. */
static void test_blocks(void **state) {
    bench *b = *state;
    for (int i = 0; i < 2 * 2 * 8 * 12; i++) {
        int w = i % 12, h = i / 12 % 8, c = i / 96 % 2, n = i / 192;
        int depth = (h % 2 * 2 + w % 2) * 2 + c, shuffle = c * 4 + h % 2 * 2 + w % 2;
        b->want[i] = AT(b->x, 8, 4, 6, n, depth, h / 2, w / 2);
        b->y[i] = AT(b->x, 8, 4, 6, n, shuffle, h / 2, w / 2);
    }
    check(b, "tensor<fp32, [2, 8, 4, 6]> x",
          "tensor<fp32, [2, 2, 8, 12]> z = depth_to_space(x = x, block_size = 2);\n", 0);
    memcpy(b->want, b->y, sizeof b->want);
    check(b, "tensor<fp32, [2, 8, 4, 6]> x",
          "tensor<fp32, [2, 2, 8, 12]> z = pixel_shuffle(x = x, upscale_factor = 2);\n", 0);
    for (int i = 0; i < 2 * 32 * 2 * 3; i++) {
        int w = i % 3, h = i / 3 % 2, c = i / 6 % 32, n = i / 192;
        int p = c / 16, q = c / 8 % 2;
        b->want[i] = AT(b->x, 8, 4, 6, n, c % 8, 2 * h + p, 2 * w + q);
        b->y[i] = AT(b->x, 8, 4, 6, n, c / 4, 2 * h + c / 2 % 2, 2 * w + c % 2);
    }
    check(b, "tensor<fp32, [2, 8, 4, 6]> x",
          "tensor<fp32, [2, 32, 2, 3]> z = space_to_depth(x = x, block_size = 2);\n", 0);
    memcpy(b->want, b->y, sizeof b->want);
    check(b, "tensor<fp32, [2, 8, 4, 6]> x",
          "tensor<fp32, [2, 32, 2, 3]> z = pixel_unshuffle(x = x, downscale_factor = 2);\n", 0);
    memcpy(b->want, b->x, sizeof b->want);
    check(b, "tensor<fp32, [2, 8, 4, 6]> x", "tensor<fp32, [2, 192]> z = flatten2d(x = x);\n", 0);
    check(b, "tensor<fp32, [2, 8, 4, 6]> x",
          "tensor<fp32, [64, 6]> z = flatten2d(x = x, axis = -1);\n", 0);
}

/* [2, 3, 4, 6] with blocks of 2 by 3, and back with a margin taken off. */
static void test_batches(void **state) {
    bench *b = *state;
    for (int i = 0; i < 12 * 3 * 2 * 2; i++) {
        int w = i % 2, h = i / 2 % 2, c = i / 4 % 3, n = i / 12 % 2, q = i / 24 % 3, p = i / 72;
        b->want[i] = AT(b->x, 3, 4, 6, n, c, 2 * h + p, 3 * w + q);
    }
    check(b, "tensor<fp32, [2, 3, 4, 6]> x",
          "tensor<fp32, [12, 3, 2, 2]> z = space_to_batch(x = x, block_shape = [2, 3], paddings = "
          "[[0, 0], [0, 0]]);\n",
          0);
    for (int i = 0; i < 2 * 3 * 3 * 4; i++) {
        int w = i % 4 + 1, h = i / 4 % 3, c = i / 12 % 3, n = i / 36;
        b->want[i] = AT(b->x, 3, 4, 6, n, c, h, w);
    }
    check(b, "tensor<fp32, [2, 3, 4, 6]> x",
          "tensor<fp32, [12, 3, 2, 2]> s = space_to_batch(x = x, block_shape = [2, 3], paddings = "
          "[[0, 0], [0, 0]]);\n"
          "tensor<fp32, [2, 3, 3, 4]> z = batch_to_space(x = s, block_shape = [2, 3], crops = [[0, "
          "1], [1, 1]]);\n",
          0);
    for (int i = 0; i < 6 * 3 * 2 * 2; i++) { /* a row and a column of zeros in front */
        int w = i % 2, h = i / 2 % 2, c = i / 4 % 3, q = i / 12 % 3, p = i / 36;
        int row = 2 * h + p - 1, column = 3 * w + q - 1;
        bool inside = row >= 0 && column >= 0;
        b->want[i] = inside ? AT(b->x, 3, 3, 5, 0, c, row, column) : 0;
    }
    check(b, "tensor<fp32, [1, 3, 3, 5]> x",
          "tensor<fp32, [6, 3, 2, 2]> z = space_to_batch(x = x, block_shape = [2, 3], paddings = "
          "[[1, 0], [1, 0]]);\n",
          0);
}

static void test_interleaved_and_like(void **state) {
    bench *b = *state;
    for (int i = 0; i < 2 * 6 * 2; i++) { /* [2, 3, 2] twice along axis 1 */
        int n = i / 12, c = i / 2 % 6, k = i % 2;
        b->want[i] = (c % 2 == 0 ? 1 : -1) * b->x[(n * 3 + c / 2) * 2 + k];
    }
    check(b, "tensor<fp32, [2, 3, 2]> x",
          "tensor<fp32, [2, 3, 2]> m = mul(x = x, y = fp32(-1));\n"
          "tensor<fp32, [2, 6, 2]> z = concat(values = (x, m), axis = 1, interleave = true);\n",
          0);
    for (int i = 0; i < 12; i++) b->want[i] = b->x[i];
    check(
        b, "tensor<fp32, [12]> x, tensor<fp32, [3, 9, 4]> y",
        "tensor<fp32, [3, 4]> z = reshape_like(x = x, ref_tensors = (y, y), begins = [0, 2], ends "
        "= [1, 0], end_masks = [false, true]);\n",
        0);
}

static void test_made_of_shapes(void **state) {
    bench *b = *state;
    for (int i = 0; i < 6; i++) b->want[i] = 2.5;
    check(b, "tensor<fp32, [6]> x",
          "tensor<fp32, [2, 3]> f = fill(shape = [2, 3], value = 2.5);\n"
          "tensor<fp32, [6]> o = fill_like(ref_tensor = x);\n"
          "tensor<fp32, [6]> r = reshape(x = f, shape = [6]);\n"
          "tensor<fp32, [6]> z = add(x = r, y = o);\n",
          0);
    for (int i = 0; i < 6; i++) b->want[i] = b->x[i] + 1 + 0.5 * i;
    check(b, "tensor<fp32, [6]> x",
          "tensor<fp32, [6]> s = range_1d(start = fp32(1), end = fp32(3.75), step = fp32(0.5));\n"
          "tensor<fp32, [6]> z = add(x = x, y = s);\n",
          1e-7);
    for (int i = 0; i < 3; i++) b->want[i] = 10 - 3 * i;
    check(b, "tensor<int32, [3]> x",
          "tensor<int32, [3]> s = range_1d(start = 10, end = 3, step = -3);\n"
          "tensor<int32, [3]> t = mul(x = x, y = 0);\n"
          "tensor<int32, [3]> z = add(x = s, y = t);\n",
          0);
    static const double id[] = {2, 0, -1, 3};
    memcpy(b->y, id, sizeof id);
    for (int i = 0; i < 4; i++) {
        for (int k = 0; k < 3; k++) b->want[i * 3 + k] = b->want[60 + k * 4 + i] = id[i] == k;
    }
    check(b, "tensor<fp32, [1]> x, tensor<int32, [4]> y",
          "tensor<fp32, [4, 3]> h = one_hot(indices = y, one_hot_vector_size = 3, on_value = "
          "fp32(1), off_value = fp32(0));\n"
          "tensor<fp32, [1]> n = mul(x = x, y = fp32(0));\n"
          "tensor<fp32, [4, 3]> z = add(x = h, y = n);\n",
          0);
    for (int i = 0; i < 12; i++) b->want[i] = b->want[60 + i] == 1 ? 5 : -1;
    check(b, "tensor<fp32, [1]> x, tensor<int32, [4]> y",
          "tensor<int32, [3, 4]> z = one_hot(indices = y, one_hot_vector_size = 3, axis = 0, "
          "on_value = 5, off_value = -1);\n",
          0);
    for (int i = 0; i < 12; i++) {
        int row = i / 4, column = i % 4;
        b->want[i] = row - column <= 1 && column - row <= 0 ? b->x[i] : 0;
    }
    check(b, "tensor<fp32, [3, 4]> x",
          "tensor<fp32, [3, 4]> z = band_part(x = x, lower = 1, upper = 0);\n", 0);
    b->want[0] = 3, b->want[1] = 4;
    check(b, "tensor<fp32, [3, 4]> x", "tensor<int32, [2]> z = shape(x = x);\n", 0);
}

static void test_gathers(void **state) {
    bench *b = *state;
    static const double ids[] = {1, 0, 2, 2, 0, 1};
    memcpy(b->y, ids, sizeof ids);
    for (int i = 0; i < 6; i++) b->want[i] = b->x[i / 3 * 4 + (int)ids[i]]; /* [2, 4] by [2, 3] */
    check(b, "tensor<fp32, [2, 4]> x, tensor<int32, [2, 3]> y",
          "tensor<fp32, [2, 3]> z = gather_along_axis(x = x, indices = y, axis = 1);\n", 0);
    check(b, "tensor<fp32, [2, 4]> x, tensor<int32, [2, 3]> y",
          "tensor<fp32, [2, 3]> z = gather(x = x, indices = y, axis = 1, batch_dims = 1);\n", 0);
    for (int i = 0; i < 6; i++) b->want[i] = b->x[(int)ids[i] * 3 + i % 3]; /* [3, 3] by [2, 3] */
    check(b, "tensor<fp32, [3, 3]> x, tensor<int32, [2, 3]> y",
          "tensor<fp32, [2, 3]> z = gather_along_axis(x = x, indices = y);\n", 0);
    for (int i = 0; i < 2 * 5 * 3 * 2; i++) { /* [2, 5, 3, 2] by [2, 3] on axis 2 */
        int n = i / 30, m = i / 6 % 5, k = i / 2 % 3, e = i % 2;
        b->want[i] = AT(b->x, 5, 3, 2, n, m, (int)ids[n * 3 + k], e);
    }
    check(b, "tensor<fp32, [2, 5, 3, 2]> x, tensor<int32, [2, 3]> y",
          "tensor<fp32, [2, 5, 3, 2]> z = gather(x = x, indices = y, axis = 2, batch_dims = 1);\n",
          0);
    static const double pairs[] = {1, -1, 0, 2, -2, 0}; /* [3, 2] into [2, 3, 4] */
    memcpy(b->y, pairs, sizeof pairs);
    static const int rows[] = {1, 0, 0}, columns[] = {2, 2, 0};
    for (int i = 0; i < 12; i++) b->want[i] = b->x[(rows[i / 4] * 3 + columns[i / 4]) * 4 + i % 4];
    check(b, "tensor<fp32, [2, 3, 4]> x, tensor<int32, [3, 2]> y",
          "tensor<fp32, [3, 4]> z = gather_nd(x = x, indices = y);\n", 0);
    for (int n = 0; n < 3; n++) { /* [3, 2] as one coordinate behind a batch of 3: x [3, 2, 4] */
        b->y[n] = n == 1 ? -1 : 0;
        for (int k = 0; k < 4; k++) b->want[n * 4 + k] = b->x[(n * 2 + (n == 1)) * 4 + k];
    }
    check(b, "tensor<fp32, [3, 2, 4]> x, tensor<int32, [3, 1]> y",
          "tensor<fp32, [3, 4]> z = gather_nd(x = x, indices = y, batch_dims = 1);\n", 0);
}

static void test_scatters(void **state) {
    bench *b = *state;
    static const double ids[] = {1, 0, 1, 2, -1, 1};
    memcpy(b->y, ids, sizeof ids);
    memcpy(b->want, b->x, sizeof b->want);
    for (int i = 0; i < 6; i++) b->want[i / 3 * 4 + (int)(ids[i] < 0 ? 3 : ids[i])] += 1 + i;
    check(b, "tensor<fp32, [2, 4]> x, tensor<int32, [2, 3]> y",
          "tensor<fp32, [2, 3]> u = const()[val = tensor<fp32, [2, 3]>([1, 2, 3, 4, 5, 6])];\n"
          "tensor<fp32, [2, 4]> z = scatter_along_axis(data = x, indices = y, updates = u, axis = "
          "1, mode = \"add\");\n",
          1e-7);
    static const double pairs[] = {1, 0, 0, -1, 1, 0};
    memcpy(b->y, pairs, sizeof pairs);
    memcpy(b->want, b->x, sizeof b->want);
    static const int places[] = {3, 2, 3};
    for (int i = 0; i < 6; i++) b->want[places[i / 2] * 2 + i % 2] += 1 + i;
    check(b, "tensor<fp32, [2, 3, 2]> x, tensor<int32, [3, 2]> y",
          "tensor<fp32, [3, 2]> u = const()[val = tensor<fp32, [3, 2]>([1, 2, 3, 4, 5, 6])];\n"
          "tensor<fp32, [2, 3, 2]> z = scatter_nd(data = x, indices = y, updates = u);\n",
          1e-7);
}

/* Values and places of the best, the first of equal ones first. */
static void test_best(void **state) {
    bench *b = *state;
    static const double x[] = {3, 1, 4, 1, 5, 9, 2, 6, 5, 3}; /* two rows of five */
    static const double best[] = {5, 4, 3, 9, 6, 5}, at[] = {4, 2, 0, 0, 2, 3};
    static const double least[] = {1, 1, 2, 3}, least_at[] = {1, 3, 1, 4};
    static const double order[] = {1, 3, 0, 2, 4, 1, 4, 3, 2, 0};
    memcpy(b->x, x, sizeof x);
    for (int dtype = 0; dtype < 3; dtype++) {
        static const char *const names[] = {"fp32", "fp16", "int32"};
        char text[1024];
        foreign_case c = {.text = text, .inputs = (const double *const[]){b->x}};
        snprintf(
            text, sizeof text,
            FOREIGN("tensor<%s, [2, 5]> x",
                    "tensor<%s, [2, 3]> v, tensor<int32, [2, 3]> i = topk(x = x, k = 3, axis = "
                    "-1, ascending = false, sort = true, return_indices = true);\n",
                    "v, i"),
            names[dtype], names[dtype]);
        c.expected = (const double *const[]){best, at};
        c.expected_count = 2;
        foreign_check(&c);
        snprintf(
            text, sizeof text,
            FOREIGN("tensor<%s, [2, 5]> x",
                    "tensor<%s, [2, 2]> v, tensor<uint16, [2, 2]> i = topk(x = x, k = 2, axis = "
                    "1, ascending = true, output_indices_dtype = \"uint16\");\n",
                    "v, i"),
            names[dtype], names[dtype]);
        c.expected = (const double *const[]){least, least_at};
        foreign_check(&c);
        snprintf(text, sizeof text,
                 FOREIGN("tensor<%s, [2, 5]> x",
                         "tensor<int32, [2, 5]> i = argsort(x = x, axis = -1, ascending = true);\n",
                         "i"),
                 names[dtype]);
        c.expected = (const double *const[]){order};
        c.expected_count = 1;
        foreign_check(&c);
    }
}

/* One line of `from` numbers looked at from place `at`, between the two next to it. */
static double between(const double *line, int stride, int from, double at) {
    at = fmin(fmax(at, 0), from - 1);
    int low = (int)floor(at), high = low + 1 < from ? low + 1 : low;
    return line[low * stride] * (1 - (at - low)) + line[high * stride] * (at - low);
}

typedef double (*look)(int i, int from, int to);
static double look_default(int i, int from, int to) {
    return (double)i * from / to;
}
static double look_corners(int i, int from, int to) {
    return to == 1 ? (from - 1) / 2.0 : (double)i * (from - 1) / (to - 1);
}
static double look_strict(int i, int from, int to) {
    return to == 1 ? 0 : (double)i * (from - 1) / (to - 1);
}
static double look_offset(int i, int from, int to) {
    return (i + 0.5) * (from - 1) / to;
}
static double look_areas(int i, int from, int to) {
    return (i + 0.5) * from / to - 0.5;
}

/* Only the width is resized. */
static double look_offset_width(int i, int from, int to) {
    return from == to ? i : look_offset(i, from, to);
}

/* [1, 2, 3, 4] to [1, 2, H, W] */
static void want_image(bench *b, int height, int width, look at) {
    for (int c = 0; c < 2; c++) {
        for (int i = 0; i < height; i++) {
            for (int k = 0; k < width; k++) {
                double column[3];
                for (int row = 0; row < 3; row++) {
                    column[row] = between(b->x + c * 12 + row * 4, 1, 4, at(k, 4, width));
                }
                b->want[(c * height + i) * width + k] = between(column, 1, 3, at(i, 3, height));
            }
        }
    }
}

static void test_images(void **state) {
    bench *b = *state;
    static const struct {
        const char *op;
        int height, width;
        look at;
    } cases[] = {
        {"upsample_bilinear(x = x, scale_factor_height = 2, scale_factor_width = 3.0)", 6, 12,
         look_corners},
        {"upsample_bilinear(x = x, scale_factor_height = 2, scale_factor_width = 3, align_corners "
         "= false)",
         6, 12, look_areas},
        {"upsample_bilinear(x = x, scale_factor_height = 2, scale_factor_width = 3, align_corners "
         "= false, half_pixel_centers = false)",
         6, 12, look_default},
        {"resize_bilinear(x = x, target_size_height = 5, target_size_width = 3)", 5, 3,
         look_default},
        {"resize_bilinear(x = x, target_size_height = 5, target_size_width = 1, sampling_mode = "
         "\"ALIGN_CORNERS\")",
         5, 1, look_corners},
        {"resize_bilinear(x = x, target_size_height = 5, target_size_width = 1, sampling_mode = "
         "\"STRICT_ALIGN_CORNERS\")",
         5, 1, look_strict},
        {"resize_bilinear(x = x, target_size_height = 5, target_size_width = 7, sampling_mode = "
         "\"OFFSET_CORNERS\")",
         5, 7, look_offset},
        {"resize_bilinear(x = x, target_size_height = 5, target_size_width = 7, sampling_mode = "
         "\"UNALIGN_CORNERS\")",
         5, 7, look_areas},
        {"resize(x = x, shape = [1, 2, 5, 7], resized_dims = uint32(2), interpolation_mode = "
         "\"LINEAR\", sampling_mode = \"UNALIGN_CORNERS\")",
         5, 7, look_areas},
        {"resize(x = x, shape = [7], resized_dims = uint32(1), interpolation_mode = \"LINEAR\", "
         "sampling_mode = \"OFFSET_CORNERS\")",
         3, 7, look_offset_width},
    };
    for (size_t i = 0; i < ORN_COUNT(cases); i++) {
        char text[512];
        want_image(b, cases[i].height, cases[i].width, cases[i].at);
        snprintf(text, sizeof text, "tensor<fp32, [1, 2, %d, %d]> z = %s;\n", cases[i].height,
                 cases[i].width, cases[i].op);
        check(b, "tensor<fp32, [1, 2, 3, 4]> x", text, 1e-6);
    }
    for (int i = 0; i < 2 * 6 * 12; i++)
        b->want[i] = AT(b->x, 2, 3, 4, 0, i / 72, i / 12 % 6 / 2, i % 12 / 3);
    check(b, "tensor<fp32, [1, 2, 3, 4]> x",
          "tensor<fp32, [1, 2, 6, 12]> z = upsample_nearest_neighbor(x = x, scale_factor_height = "
          "2, scale_factor_width = 3);\n",
          0);
    for (int i = 0; i < 2 * 2 * 7; i++)
        b->want[i] = AT(b->x, 2, 3, 4, 0, i / 14, i / 7 % 2 * 3 / 2, i % 7 * 4 / 7);
    check(b, "tensor<fp32, [1, 2, 3, 4]> x",
          "tensor<fp32, [1, 2, 2, 7]> z = resize_nearest_neighbor(x = x, target_size_height = 2, "
          "target_size_width = 7);\n",
          0);
    check(b, "tensor<fp32, [1, 2, 3, 4]> x",
          "tensor<fp32, [1, 2, 2, 7]> z = resize(x = x, shape = [2, 7], resized_dims = uint32(2), "
          "interpolation_mode = \"NEAREST_NEIGHBOR\", sampling_mode = \"DEFAULT\");\n",
          0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_backwards, new_bench, free_bench),
        cmocka_unit_test_setup_teardown(test_crop_and_windows, new_bench, free_bench),
        cmocka_unit_test_setup_teardown(test_pads, new_bench, free_bench),
        cmocka_unit_test_setup_teardown(test_blocks, new_bench, free_bench),
        cmocka_unit_test_setup_teardown(test_batches, new_bench, free_bench),
        cmocka_unit_test_setup_teardown(test_interleaved_and_like, new_bench, free_bench),
        cmocka_unit_test_setup_teardown(test_made_of_shapes, new_bench, free_bench),
        cmocka_unit_test_setup_teardown(test_gathers, new_bench, free_bench),
        cmocka_unit_test_setup_teardown(test_scatters, new_bench, free_bench),
        cmocka_unit_test_setup_teardown(test_best, new_bench, free_bench),
        cmocka_unit_test_setup_teardown(test_images, new_bench, free_bench),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
