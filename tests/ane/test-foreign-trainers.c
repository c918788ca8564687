/* SPDX-License-Identifier: MIT */
/*
 * Programs as trainers by hand write them for the Neural Engine: everything fp16 [1, C, 1, S],
 * weights packed beside the activations or as 1x1 convolutions, rotary embedding out of reshapes,
 * attention and its gradient in channels, many results joined into one. Each is run on the device
 * and compared with loops in f64.
 */
#include "foreign-support.h"

#include <math.h>

/* A model small enough to read: DIM channels, SEQ positions, HEADS heads of HD numbers. */
enum { DIM = 8, SEQ = 4, HIDDEN = 12, HEADS = 2, HD = DIM / HEADS, ROOM = 4096 };

static double x[ROOM], y[ROOM], want[ROOM], second[ROOM];

/* Numbers that fp16 has exactly, so that only the arithmetic rounds. */
static int fill(void **state) {
    uint64_t seed = 5;
    (void)state;
    for (int i = 0; i < ROOM; i++) x[i] = floor(test_random_unit(&seed) * 64) / 64;
    for (int i = 0; i < ROOM; i++) y[i] = floor(test_random_unit(&seed) * 64) / 64;
    memset(want, 0, sizeof want);
    return 0;
}

static void check(const char *text, const char *function, const orion_mil_weights *weights,
                  size_t outputs, ane_tolerance device) {
    foreign_check(&(foreign_case){.text = text,
                                  .function = function,
                                  .weights = weights,
                                  .inputs = (const double *const[]){x, y},
                                  .expected = (const double *const[]){want, second},
                                  .expected_count = outputs,
                                  .exact = {1e-6, 1e-6},
                                  .device = device,
                                  .reference_steps = weights == NULL ? 0 : 3 /* convolutions */});
}

static const ane_tolerance half = {6e-3, 6e-3};

/* How such programs begin; the versions are those that the framework writes. */
#define HEAD                                                                                       \
    "program(1.3)\n[buildInfo = dict<string, string>({{\"coremlc-component-MIL\", "                \
    "\"3510.2.1\"}, {\"coremlc-version\", \"3505.4.1\"}, "                                         \
    "{\"coremltools-component-milinternal\", \"\"}, {\"coremltools-version\", \"9.0\"}})]\n{\n"

/* ---- a linear layer whose weights come with the activations: [1, 8, 1, SEQ + OC] ---- */

static void test_packed_linear(void **state) {
    (void)state;
    enum { OC = 12, WIDE = SEQ + OC };
    for (int o = 0; o < OC; o++) {
        for (int t = 0; t < SEQ; t++) {
            for (int d = 0; d < DIM; d++)
                want[o * SEQ + t] += x[d * WIDE + t] * x[d * WIDE + SEQ + o];
        }
    }
    check(
        HEAD
        "  func main<ios18>(tensor<fp16, [1,8,1,16]> x) {\n"
        "    tensor<int32,[4]> b0=const()[name=string(\"b0\"), val=tensor<int32,[4]>([0,0,0,0])];\n"
        "    tensor<int32,[4]> s0=const()[name=string(\"s0\"), val=tensor<int32,[4]>([1,8,1,4])];\n"
        "    tensor<fp16,[1,8,1,4]> act=slice_by_size(x=x,begin=b0,size=s0)[name=string(\"a\")];\n"
        "    tensor<int32,[4]> b1=const()[name=string(\"b1\"), val=tensor<int32,[4]>([0,0,0,4])];\n"
        "    tensor<int32,[4]> s1=const()[name=string(\"s1\"), "
        "val=tensor<int32,[4]>([1,8,1,12])];\n"
        "    tensor<fp16,[1,8,1,12]> W=slice_by_size(x=x,begin=b1,size=s1)[name=string(\"W\")];\n"
        "    tensor<int32,[4]> ra=const()[name=string(\"ra\"), val=tensor<int32,[4]>([1,1,8,4])];\n"
        "    tensor<fp16,[1,1,8,4]> a2=reshape(shape=ra,x=act)[name=string(\"a2\")];\n"
        "    tensor<int32,[4]> pm=const()[name=string(\"pm\"), val=tensor<int32,[4]>([0,1,3,2])];\n"
        "    tensor<fp16,[1,1,4,8]> a3=transpose(perm=pm,x=a2)[name=string(\"a3\")];\n"
        "    tensor<int32,[4]> rw=const()[name=string(\"rw\"), "
        "val=tensor<int32,[4]>([1,1,8,12])];\n"
        "    tensor<fp16,[1,1,8,12]> W2=reshape(shape=rw,x=W)[name=string(\"W2\")];\n"
        "    bool bF=const()[name=string(\"bF\"), val=bool(false)];\n"
        "    tensor<fp16,[1,1,4,12]> yh=matmul(transpose_x=bF,transpose_y=bF,x=a3,y=W2)[name="
        "string(\"yh\")];\n"
        "    tensor<fp16,[1,1,12,4]> yt=transpose(perm=pm,x=yh)[name=string(\"yt\")];\n"
        "    tensor<int32,[4]> ro=const()[name=string(\"ro\"), "
        "val=tensor<int32,[4]>([1,12,1,4])];\n"
        "    tensor<fp16,[1,12,1,4]> out=reshape(shape=ro,x=yt)[name=string(\"out\")];\n"
        "  } -> (out);\n}\n",
        NULL, NULL, 1, half);
}

/* ---- rotary embedding out of pairs: (a, b) becomes (a cos - b sin, b cos + a sin) ---- */

static void test_rope_by_pairs(void **state) {
    (void)state;
    for (int h = 0; h < HEADS; h++) {
        for (int t = 0; t < SEQ; t++) {
            for (int j = 0; j < HD / 2; j++) {
                size_t at = (size_t)(h * SEQ + t) * HD + 2 * (size_t)j,
                       c = (size_t)t * HD + 2 * (size_t)j;
                double a = x[at], b = x[at + 1];
                want[at] = a * y[c] + -b * y[16 + c];
                want[at + 1] = b * y[c + 1] + a * y[16 + c + 1];
            }
        }
    }
    check(
        HEAD
        "  func main<ios18>(tensor<fp16, [1, 2, 4, 4]> q, tensor<fp16, [1, 2, 4, 4]> table) {\n"
        "    tensor<int32,[4]> z=const()[name=string(\"z\"), val=tensor<int32,[4]>([0,0,0,0])];\n"
        "    tensor<int32,[4]> zs=const()[name=string(\"zs\"), val=tensor<int32,[4]>([0,1,0,0])];\n"
        "    tensor<int32,[4]> ss=const()[name=string(\"ss\"), val=tensor<int32,[4]>([1,1,4,4])];\n"
        "    tensor<fp16,[1,1,4,4]> "
        "cos=slice_by_size(x=table,begin=z,size=ss)[name=string(\"c\")];\n"
        "    tensor<fp16,[1,1,4,4]> "
        "sin=slice_by_size(x=table,begin=zs,size=ss)[name=string(\"s\")];"
        "\n    tensor<int32,[4]> rp=const()[name=string(\"rp\"), "
        "val=tensor<int32,[4]>([1,2,8,2])];\n"
        "    tensor<fp16,[1,2,8,2]> p=reshape(shape=rp,x=q)[name=string(\"p\")];\n"
        "    tensor<int32,[4]> se=const()[name=string(\"se\"), val=tensor<int32,[4]>([1,2,8,1])];\n"
        "    tensor<int32,[4]> b1=const()[name=string(\"b1\"), val=tensor<int32,[4]>([0,0,0,1])];\n"
        "    tensor<fp16,[1,2,8,1]> even=slice_by_size(x=p,begin=z,size=se)[name=string(\"e\")];\n"
        "    tensor<fp16,[1,2,8,1]> odd=slice_by_size(x=p,begin=b1,size=se)[name=string(\"o\")];\n"
        "    fp16 m1=const()[name=string(\"m1\"), val=fp16(-0x1p+0)];\n"
        "    tensor<fp16,[1,2,8,1]> no=mul(x=odd,y=m1)[name=string(\"no\")];\n"
        "    int32 ax=const()[name=string(\"ax\"), val=int32(3)];\n"
        "    bool il=const()[name=string(\"il\"), val=bool(false)];\n"
        "    tensor<fp16,[1,2,8,2]> rr=concat(axis=ax,interleave=il,values=(no,even))[name=string("
        "\"rr\")];\n"
        "    tensor<int32,[4]> rq=const()[name=string(\"rq\"), val=tensor<int32,[4]>([1,2,4,4])];\n"
        "    tensor<fp16,[1,2,4,4]> rot=reshape(shape=rq,x=rr)[name=string(\"rot\")];\n"
        "    tensor<fp16,[1,2,4,4]> qc=mul(x=q,y=cos)[name=string(\"qc\")];\n"
        "    tensor<fp16,[1,2,4,4]> rs=mul(x=rot,y=sin)[name=string(\"rs\")];\n"
        "    tensor<fp16,[1,2,4,4]> out=add(x=qc,y=rs)[name=string(\"out\")];\n"
        "  } -> (out);\n}\n",
        NULL, NULL, 1, half);
}

/* ---- attention in channels, forwards with its probabilities, and the gradient of q and k ---- */

/* q, k, v are [DIM, SEQ]: head h has channels h * HD ... */
static double channel(const double *v, int h, int d, int t) {
    return v[(h * HD + d) * SEQ + t];
}

static void probabilities(const double *q, const double *k, double p[HEADS][SEQ][SEQ]) {
    for (int h = 0; h < HEADS; h++) {
        for (int t = 0; t < SEQ; t++) {
            double sum = 0;
            for (int s = 0; s <= t; s++) {
                double dot = 0;
                for (int d = 0; d < HD; d++) dot += channel(q, h, d, t) * channel(k, h, d, s);
                sum += p[h][t][s] = exp(dot * 0.5);
            }
            for (int s = 0; s < SEQ; s++) p[h][t][s] = s <= t ? p[h][t][s] / sum : 0;
        }
    }
}

#define INTS(name, list)                                                                           \
    "    tensor<int32,[4]> " name "=const()[name=string(\"" name                                   \
    "\"), val=tensor<int32,[4]>([" list "])];\n"
#define PART(name, begin, channels)                                                                \
    INTS(name "b", "0," begin ",0,0")                                                              \
    INTS(name "s", "1," channels ",1,4")                                                           \
    "    tensor<fp16,[1," channels ",1,4]> " name "=slice_by_size(x=x,begin=" name "b,size=" name  \
    "s)[name=string(\"" name "\")];\n"
/* [1, DIM, 1, SEQ] to [1, HEADS, SEQ, HD] */
#define TO_HEADS(name, from)                                                                       \
    "    tensor<fp16,[1,2,4,4]> " name "r=reshape(shape=rh,x=" from ")[name=string(\"" name        \
    "r\")];\n    tensor<fp16,[1,2,4,4]> " name "=transpose(perm=pm,x=" name                        \
    "r)[name=string(\"" name "\")];\n"
/* ... and back */
#define FROM_HEADS(name, from)                                                                     \
    "    tensor<fp16,[1,2,4,4]> " name "t=transpose(perm=pm,x=" from ")[name=string(\"" name       \
    "t\")];\n    tensor<fp16,[1,8,1,4]> " name "=reshape(shape=rc,x=" name                         \
    "t)[name=string(\"" name "\")];\n"
#define COMMON                                                                                     \
    INTS("rh", "1,2,4,4")                                                                          \
    INTS("rc", "1,8,1,4")                                                                          \
    INTS("pm", "0,1,3,2")                                                                          \
    "    bool bF=const()[name=string(\"bF\"), val=bool(false)];\n"                                 \
    "    bool bT=const()[name=string(\"bT\"), val=bool(true)];\n"                                  \
    "    int32 ax1=const()[name=string(\"ax1\"), val=int32(1)];\n"                                 \
    "    int32 axm=const()[name=string(\"axm\"), val=int32(-1)];\n"                                \
    "    fp16 sc=const()[name=string(\"sc\"), val=fp16(0x1p-1)];\n"

#define FORWARD                                                                                    \
    "  func forward<ios18>(tensor<fp16, [1, 24, 1, 4]> x) {\n" COMMON PART("q", "0", "8")          \
        PART("k", "8", "8") PART("v", "16", "8") TO_HEADS("qh", "q") TO_HEADS("kh", "k") TO_HEADS( \
            "vh",                                                                                  \
            "v") "    tensor<fp16,[1,1,4,4]> mask=const()[name=string(\"mask\"), "                 \
                 "val=tensor<fp16,[1,1,4,4]>([[[[0,-65504,-65504,-65504],[0,0,-65504,-65504],[0,"  \
                 "0,0,-65504],"                                                                    \
                 "[0,0,0,0]]]])];\n"                                                               \
                 "    tensor<fp16,[1,2,4,4]> "                                                     \
                 "s1=matmul(transpose_x=bF,transpose_y=bT,x=qh,y=kh)[name=string("                 \
                 "\"s1\")];\n"                                                                     \
                 "    tensor<fp16,[1,2,4,4]> s2=mul(x=s1,y=sc)[name=string(\"s2\")];\n"            \
                 "    tensor<fp16,[1,2,4,4]> s3=add(x=s2,y=mask)[name=string(\"s3\")];\n"          \
                 "    tensor<fp16,[1,2,4,4]> p=softmax(axis=axm,x=s3)[name=string(\"p\")];\n"      \
                 "    tensor<fp16,[1,2,4,4]> "                                                     \
                 "a=matmul(transpose_x=bF,transpose_y=bF,x=p,y=vh)[name=string("                   \
                 "\"a\")];\n" FROM_HEADS("af", "a") INTS(                                          \
                     "rp",                                                                         \
                     "1,8,1,4") "    tensor<fp16,[1,8,1,4]> "                                      \
                                "pf=reshape(shape=rp,x=p)[name=string(\"pf\")];\n"                 \
                                "    tensor<fp16,[1,16,1,4]> "                                     \
                                "out=concat(axis=ax1,interleave=bF,values=(af,pf))[name=string("   \
                                "\"out\")];\n  } -> (out);\n"

/* x is p, dp, q, k: softmax backwards, then dq = ds k and dk = ds' q, joined. */
#define BACKWARD                                                                                   \
    "  func backward<ios18>(tensor<fp16, [1, 32, 1, 4]> x) {\n" COMMON PART("pf", "0", "8") PART(  \
        "dpf", "8", "8") PART("q", "16", "8") PART("k", "24", "8") TO_HEADS("qh", "q")             \
        TO_HEADS(                                                                                  \
            "kh",                                                                                  \
            "k") "    tensor<fp16,[1,2,4,4]> p=reshape(shape=rh,x=pf)[name=string(\"p\")];\n"      \
                 "    tensor<fp16,[1,2,4,4]> dp=reshape(shape=rh,x=dpf)[name=string(\"dp\")];\n"   \
                 "    tensor<fp16,[1,2,4,4]> pd=mul(x=p,y=dp)[name=string(\"pd\")];\n"             \
                 "    tensor<int32,[1]> last=const()[name=string(\"last\"), "                      \
                 "val=tensor<int32,[1]>([-1])];\n"                                                 \
                 "    tensor<fp16,[1,2,4,1]> "                                                     \
                 "sum=reduce_sum(axes=last,keep_dims=bT,x=pd)[name=string(\"sm\")];"               \
                 "\n"                                                                              \
                 "    tensor<fp16,[1,2,4,4]> df=sub(x=dp,y=sum)[name=string(\"df\")];\n"           \
                 "    tensor<fp16,[1,2,4,4]> d0=mul(x=p,y=df)[name=string(\"d0\")];\n"             \
                 "    tensor<fp16,[1,2,4,4]> ds=mul(x=d0,y=sc)[name=string(\"ds\")];\n"            \
                 "    tensor<fp16,[1,2,4,4]> "                                                     \
                 "dqh=matmul(transpose_x=bF,transpose_y=bF,x=ds,y=kh)[name=string("                \
                 "\"dqh\")];\n"                                                                    \
                 "    tensor<fp16,[1,2,4,4]> "                                                     \
                 "dkh=matmul(transpose_x=bT,transpose_y=bF,x=ds,y=qh)[name=string("                \
                 "\"dkh\")];\n" FROM_HEADS("dqf", "dqh") FROM_HEADS(                               \
                     "dkf",                                                                        \
                     "dkh") "    tensor<fp16,[1,16,1,4]> "                                         \
                            "out=concat(axis=ax1,interleave=bF,values=(dqf,dkf))[name=string("     \
                            "\"out\")];\n  } -> (out, dkf);\n"

static const char attention[] = HEAD FORWARD BACKWARD "}\n";

static void test_attention_in_channels(void **state) {
    (void)state;
    double p[HEADS][SEQ][SEQ];
    const double *q = x, *k = x + 32, *v = x + 64;
    probabilities(q, k, p);
    for (int h = 0; h < HEADS; h++) {
        for (int t = 0; t < SEQ; t++) {
            for (int d = 0; d < HD; d++) {
                double a = 0;
                for (int s = 0; s < SEQ; s++) a += p[h][t][s] * channel(v, h, d, s);
                want[(h * HD + d) * SEQ + t] = a;
            }
            for (int s = 0; s < SEQ; s++) want[32 + (h * SEQ + t) * SEQ + s] = p[h][t][s];
        }
    }
    check(attention, "forward", NULL, 1, half);
}

static void test_attention_backwards(void **state) {
    (void)state;
    double p[HEADS][SEQ][SEQ];
    const double *q = x + 64, *k = x + 96;
    probabilities(q, k, p);
    for (int h = 0; h < HEADS; h++) {
        for (int t = 0; t < SEQ; t++) {
            for (int s = 0; s < SEQ; s++)
                x[(h * SEQ + t) * SEQ + s] = floor(p[h][t][s] * 1024) / 1024; /* fp16 has it */
        }
    }
    for (int h = 0; h < HEADS; h++) {
        for (int t = 0; t < SEQ; t++) {
            const double *row = x + (h * SEQ + t) * SEQ, *dp = row + 32;
            double sum = 0;
            for (int s = 0; s < SEQ; s++) sum += row[s] * dp[s];
            for (int s = 0; s < SEQ; s++) {
                double ds = row[s] * (dp[s] - sum) * 0.5;
                for (int d = 0; d < HD; d++) {
                    want[(h * HD + d) * SEQ + t] += ds * channel(k, h, d, s);
                    want[32 + (h * HD + d) * SEQ + s] += ds * channel(q, h, d, t);
                }
            }
        }
    }
    memcpy(second, want + 32, 32 * sizeof *second);
    check(attention, "backward", NULL, 2, half);
}

/* ---- a feed-forward net of 1x1 convolutions, the weights in one file at three offsets ---- */

static void add_weight(orion_mil_blob_writer *writer, const double *numbers, size_t n,
                       uint64_t *offset) {
    uint16_t halves[DIM * HIDDEN];
    for (size_t i = 0; i < n; i++) halves[i] = orn_f16_from_f64(numbers[i]);
    assert_int_equal(orion_mil_blob_writer_add(writer, ORION_MIL_FP16, halves, 2 * n, n, offset),
                     ORION_OK);
}

static void test_convolutions(void **state) {
    (void)state;
    static const char path[] = "@model_path/weights/weight.bin";
    char text[4096];
    const double *w1 = y, *w3 = y + 96, *w2 = y + 192;
    double gate[HIDDEN * SEQ];
    uint64_t at[3];
    orion_mil_weights *weights;
    orion_mil_blob_writer *writer;
    orion_blob *blob;
    assert_int_equal(orion_mil_weights_create(NULL, &weights), ORION_OK);
    assert_int_equal(orion_mil_blob_writer_create(NULL, NULL, &writer), ORION_OK);
    add_weight(writer, w1, DIM * HIDDEN, &at[0]);
    add_weight(writer, w3, DIM * HIDDEN, &at[1]);
    add_weight(writer, w2, DIM * HIDDEN, &at[2]);
    assert_int_equal(orion_mil_blob_writer_finish(writer, &blob), ORION_OK);
    assert_int_equal(orion_mil_weights_add(weights, path, blob), ORION_OK);
    for (int o = 0; o < HIDDEN; o++) {
        for (int t = 0; t < SEQ; t++) {
            double h1 = 0, h3 = 0;
            for (int d = 0; d < DIM; d++) {
                h1 += w1[o * DIM + d] * x[d * SEQ + t];
                h3 += w3[o * DIM + d] * x[d * SEQ + t];
            }
            gate[o * SEQ + t] = h1 / (1 + exp(-h1)) * h3;
        }
    }
    for (int d = 0; d < DIM; d++) {
        for (int t = 0; t < SEQ; t++) {
            want[d * SEQ + t] = x[d * SEQ + t];
            for (int o = 0; o < HIDDEN; o++)
                want[d * SEQ + t] += w2[d * HIDDEN + o] * gate[o * SEQ + t];
        }
    }
#define WEIGHT(name, shape)                                                                        \
    "    tensor<fp16,[" shape ",1,1]> " name "=const()[name=string(\"" name "\"), "                \
    "val=tensor<fp16,[" shape ",1,1]>(BLOBFILE(path=string(\"%s\"), offset=uint64(%llu)))];\n"
#define CONV(name, from, weight, channels)                                                         \
    "    tensor<fp16,[1," channels ",1,4]> " name "=conv(dilations=dl,groups=gr,pad=pd,pad_type="  \
    "pt,strides=st,weight=" weight ",x=" from ")[name=string(\"" name "\")];\n"
    snprintf(
        text, sizeof text,
        HEAD
        "  func main<ios18>(tensor<fp16, [1, 8, 1, 4]> x) {\n"
        "    string pt=const()[name=string(\"pt\"), val=string(\"valid\")];\n"
        "    tensor<int32,[2]> st=const()[name=string(\"st\"), val=tensor<int32,[2]>([1,1])];\n"
        "    tensor<int32,[4]> pd=const()[name=string(\"pd\"), "
        "val=tensor<int32,[4]>([0,0,0,0])];\n"
        "    tensor<int32,[2]> dl=const()[name=string(\"dl\"), val=tensor<int32,[2]>([1,1])];\n"
        "    int32 gr=const()[name=string(\"gr\"), val=int32(1)];\n" WEIGHT("W1", "12,8")
            WEIGHT("W3", "12,8") WEIGHT("W2", "8,12") CONV("h1", "x", "W1", "12") CONV(
                "h3", "x", "W3",
                "12") "    tensor<fp16,[1,12,1,4]> sg=sigmoid(x=h1)[name=string(\"sg\")];\n"
                      "    tensor<fp16,[1,12,1,4]> si=mul(x=h1,y=sg)[name=string(\"si\")];\n"
                      "    tensor<fp16,[1,12,1,4]> ga=mul(x=si,y=h3)[name=string(\"ga\")];\n" CONV(
                          "yo", "ga", "W2", "8") "    tensor<fp16,[1,8,1,4]> "
                                                 "out=add(x=x,y=yo)[name=string(\"out\")];\n"
                                                 "  } -> (out);\n}\n",
        path, (unsigned long long)at[0], path, (unsigned long long)at[1], path,
        (unsigned long long)at[2]);
    check(text, NULL, weights, 1, (ane_tolerance){1.6e-2, 1e-2});
    orion_blob_unref(&blob);
    orion_mil_blob_writer_destroy(&writer);
    orion_mil_weights_destroy(&weights);
}

/* ---- RMS norm over channels, by hand: pow(mean(x^2) + eps, -0.5) in a program of fp32 ports ----
 */

static void test_rms_norm(void **state) {
    (void)state;
    for (int t = 0; t < SEQ; t++) {
        double mean = 0;
        for (int d = 0; d < DIM; d++) mean += x[d * SEQ + t] * x[d * SEQ + t] / DIM;
        for (int d = 0; d < DIM; d++)
            want[d * SEQ + t] = x[d * SEQ + t] / sqrt(mean + 1e-5) * (0.5 + 0.25 * d);
    }
    check(HEAD
          "  func main<ios18>(tensor<fp32, [1, 8, 1, 4]> x) {\n"
          "    string f16=const()[name=string(\"f16\"), val=string(\"fp16\")];\n"
          "    tensor<fp16,[1,8,1,4]> xh=cast(dtype=f16,x=x)[name=string(\"xh\")];\n"
          "    tensor<fp16,[1,8,1,4]> sq=mul(x=xh,y=xh)[name=string(\"sq\")];\n"
          "    tensor<int32,[1]> ra=const()[name=string(\"ra\"), val=tensor<int32,[1]>([1])];\n"
          "    bool kd=const()[name=string(\"kd\"), val=bool(true)];\n"
          "    tensor<fp16,[1,1,1,4]> "
          "ss=reduce_sum(axes=ra,keep_dims=kd,x=sq)[name=string(\"ss\")];\n"
          "    fp16 inv=const()[name=string(\"inv\"), val=fp16(0x1p-3)];\n"
          "    tensor<fp16,[1,1,1,4]> ms=mul(x=ss,y=inv)[name=string(\"ms\")];\n"
          "    fp16 ep=const()[name=string(\"ep\"), val=fp16(0.00001)];\n"
          "    tensor<fp16,[1,1,1,4]> me=add(x=ms,y=ep)[name=string(\"me\")];\n"
          "    fp16 nh=const()[name=string(\"nh\"), val=fp16(-0.5)];\n"
          "    tensor<fp16,[1,1,1,4]> rs=pow(x=me,y=nh)[name=string(\"rs\")];\n"
          "    tensor<fp16,[1,8,1,4]> xn=mul(x=xh,y=rs)[name=string(\"xn\")];\n"
          "    tensor<fp16,[1,8,1,1]> rw=const()[name=string(\"rw\"), "
          "val=tensor<fp16,[1,8,1,1]>([0.5,0.75,1,1.25,1.5,1.75,2,2.25])];\n"
          "    tensor<fp16,[1,8,1,4]> oh=mul(x=xn,y=rw)[name=string(\"oh\")];\n"
          "    string f32=const()[name=string(\"f32\"), val=string(\"fp32\")];\n"
          "    tensor<fp32,[1,8,1,4]> out=cast(dtype=f32,x=oh)[name=string(\"out\")];\n"
          "  } -> (out);\n}\n",
          NULL, NULL, 1, half);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_packed_linear, fill),
        cmocka_unit_test_setup(test_rope_by_pairs, fill),
        cmocka_unit_test_setup(test_attention_in_channels, fill),
        cmocka_unit_test_setup(test_attention_backwards, fill),
        cmocka_unit_test_setup(test_convolutions, fill),
        cmocka_unit_test_setup(test_rms_norm, fill),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
