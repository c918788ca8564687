/* SPDX-License-Identifier: MIT */
/* `orion train`: the command line, the model and data it asks for, and the loop over the steps. */
#define _POSIX_C_SOURCE 200809L
#include "cli.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    STORY_TOKENS = 1 << 21, /* of made-up stories: more than a short run reads */
    SAMPLE_TOKENS = 120,    /* of the text shown now and then */
    SUMMARY_STEPS = 20, /* the final loss is the mean of so many, or of a tenth of a short run */
    EARLIER_MODELS_MAX = 999 /* kept beside a new one */
};

static const command train_command = {
    .name = "train",
    .summary = "train a model, or continue to",
    .usage = "orion train --out DIR [--data FILE | --stories SEED] [--steps N]\n"
             "                   [--config FILE.yaml | --weights FILE --tokenizer FILE |\n"
             "                    --checkpoint FILE] [--resume] [options]",
    .details =
        "Writes DIR/model.safetensors (weights, optimizer, position and tokenizer), DIR/loss.svg\n"
        "and DIR/log.jsonl. Without --data it learns from made-up stories; without a model it\n"
        "starts a small one on bytes. Ctrl-C saves and says how to go on; --resume continues as "
        "if\n"
        "nothing had happened. The file name of --data decides: .bin holds 16-bit token ids,\n"
        "anything else is text, in which <|endoftext|> separates documents.",
    .examples =
        "  orion train --stories 1 --steps 400 --out out\n"
        "  orion train --stories 1 --steps 400 --out out --resume\n"
        "  orion train --data text.txt --config model.yaml --steps 2000 --out out\n"
        "  orion train --data text.txt --weights stories260K.bin --tokenizer tok512.bin \\\n"
        "      --steps 100 --lr 1e-4 --out tuned",
};

typedef struct training {
    session s;
    option_list list;

    /* the command line */
    const char *data_path, *recipe, *out;
    uint64_t stories, steps, batch, length, accumulation, warmup, seed, save_every, sample_every;
    double learning_rate;
    bool resume, other_data;

    /* the run */
    orion_train_model_config config;
    orion_train_options options;
    orion_train_data *data;
    orion_train_trainer *trainer;
    double entropy, started;
    uint64_t tokens, saved_at;
    bool save_failed;
    char *model_path, *curve_path, *log_path;
    record json;
    curve losses;
    progress bar;
} training;

static void define_options(training *t) {
    option_list *list = &t->list;
    list->command = &train_command;
    t->stories = t->seed = 1;
    t->save_every = t->sample_every = 100;
    option_text(list, "out", "DIR", "where to write; made if it is not there", &t->out);
    option_text(list, "data", "FILE", "learn from this file", &t->data_path);
    option_count(list, "stories", "learn from the made-up stories of this seed [1]", &t->stories, 0,
                 UINT64_MAX);
    option_count(list, "steps", "steps of the whole run [400]", &t->steps, 1, UINT32_MAX);
    option_flag(list, "resume", "continue from DIR/model.safetensors", &t->resume);
    option_flag(list, "new-data", "with --resume: go on although the data are others",
                &t->other_data);
    option_text(list, "config", "FILE", "recipe: shape of a new model, ways of training (YAML)",
                &t->recipe);
    session_options(&t->s, list);
    option_count(list, "seed", "of the first weights and of the batches [1]", &t->seed, 0,
                 UINT64_MAX);
    option_count(list, "batch", "sequences at once [8]", &t->batch, 1, UINT32_MAX);
    option_count(list, "length", "tokens per sequence [the model's context]", &t->length, 1,
                 UINT32_MAX);
    option_count(list, "accumulate", "batches per step [1]", &t->accumulation, 1, UINT32_MAX);
    option_number(list, "lr", "X", "learning rate after warm-up [0.001]", &t->learning_rate, 1e-12,
                  1e3);
    option_count(list, "warmup", "steps of warm-up [steps / 20]", &t->warmup, 1, UINT32_MAX);
    option_count(list, "save-every", "steps between checkpoints; 0: only at the end [100]",
                 &t->save_every, 0, UINT64_MAX);
    option_count(list, "sample-every", "steps between samples of text; 0: none [100]",
                 &t->sample_every, 0, UINT64_MAX);
    option_flag(list, "json", "one JSON object per step on standard output", &t->json.output);
}

/* True if the options make sense together; else one complaint. */
static bool check_options(const training *t) {
    int models = (t->recipe != NULL) + (t->s.weights != NULL) + (t->s.checkpoint != NULL);
    if (t->out == NULL) {
        complain("train: give --out DIR; try 'orion train --help'");
    } else if (t->data_path != NULL && option_given(&t->list, "stories")) {
        complain("train: give --data or --stories, not both");
    } else if (models > 1) {
        complain("train: give one of --config, --weights and --checkpoint");
    } else if (t->other_data && !t->resume) {
        complain("train: --new-data goes with --resume");
    } else {
        return true;
    }
    return false;
}

/* ---- what to train, on what ---- */

static char *join(const char *folder, const char *name) {
    size_t n = strlen(folder), size = n + strlen(name) + 2;
    char *path = malloc(size);
    if (path != NULL)
        snprintf(path, size, "%s%s%s", folder, n != 0 && folder[n - 1] == '/' ? "" : "/", name);
    return path;
}

/* The recipe, then the command line over it. What neither gives stays 0: the library's default, or
 * on resuming the checkpoint's. */
static int read_options(training *t) {
    t->config.size = sizeof t->config;
    t->options.size = sizeof t->options;
    if (t->recipe != NULL) {
        orion_status status =
            orion_train_recipe_load(t->recipe, NULL, t->s.diag, &t->config, &t->options);
        if (report(t->s.diag, status, t->recipe) != EXIT_DONE) return EXIT_FAILED;
    }
    orion_train_options *o = &t->options;
    if (t->steps != 0) o->steps = t->steps;
    if (t->warmup != 0) o->warmup = t->warmup;
    if (t->batch != 0) o->batch = (uint32_t)t->batch;
    if (t->length != 0) o->length = (uint32_t)t->length;
    if (t->accumulation != 0) o->accumulation = (uint32_t)t->accumulation;
    if (t->learning_rate > 0) o->learning_rate = t->learning_rate;
    bool seed_given = option_given(&t->list, "seed");
    if (seed_given || (o->seed == 0 && !t->resume)) o->seed = t->seed;
    return EXIT_DONE;
}

/* A new model of the recipe's shape, or of the default one, with a tokenizer that fits. */
static int create_model(training *t) {
    session *s = &t->s;
    orion_status status;
    if (s->tokenizer_path != NULL) {
        status = orion_train_tokenizer_load_llama2c(s->tokenizer_path, t->config.vocab, NULL,
                                                    s->diag, &s->tokenizer);
    } else {
        status = orion_train_tokenizer_create_bytes(NULL, &s->tokenizer);
    }
    const char *what = s->tokenizer_path != NULL ? s->tokenizer_path : "make the tokenizer";
    if (report(s->diag, status, what) != EXIT_DONE) return EXIT_FAILED;
    if (t->config.vocab == 0) t->config.vocab = orion_train_tokenizer_vocab(s->tokenizer);
    status = orion_train_model_create_random(&t->config, t->options.seed, NULL, s->diag, &s->model);
    return report(s->diag, status, "make the model");
}

static int load_model(training *t) {
    if (t->resume) {
        if (access(t->model_path, F_OK) != 0) {
            complain("there is no %s to resume from; start without --resume", t->model_path);
            return EXIT_FAILED;
        }
        t->s.checkpoint = t->model_path;
        t->s.weights = NULL;
        return session_load(&t->s);
    }
    if (t->s.weights != NULL || t->s.checkpoint != NULL) return session_load(&t->s);
    return create_model(t);
}

static int load_data(training *t) {
    session *s = &t->s;
    orion_status status;
    if (t->data_path != NULL) {
        status = orion_train_data_load(t->data_path, s->tokenizer, NULL, s->diag, &t->data);
    } else {
        status = orion_train_data_create_stories(s->tokenizer, t->stories, STORY_TOKENS, NULL,
                                                 s->diag, &t->data);
    }
    const char *what = t->data_path != NULL ? t->data_path : "make stories";
    if (report(s->diag, status, what) != EXIT_DONE) return EXIT_FAILED;
    t->entropy = orion_train_data_unigram_entropy(t->data);
    return EXIT_DONE;
}

static int create_trainer(training *t) {
    session *s = &t->s;
    orion_status status;
    if (t->resume) {
        status = orion_train_trainer_resume(t->model_path, t->data, t->other_data, s->device,
                                            &t->options, s->diag, &t->trainer);
    } else {
        status = orion_train_trainer_create(s->model, s->tokenizer, t->data, s->device, &t->options,
                                            s->diag, &t->trainer);
    }
    if (status == ORION_OK) status = orion_train_trainer_get_options(t->trainer, &t->options);
    if (status == ORION_OK) status = orion_train_model_get_config(s->model, &t->config);
    return report(s->diag, status, "prepare training");
}

/* ---- where to write ---- */

/* Make a folder and those above it. */
static bool make_folders(const char *path) {
    char *copy = join(path, "");
    bool fine = copy != NULL;
    for (char *p = copy; fine && *p != '\0'; p++) {
        if (*p != '/' || p == copy) continue;
        *p = '\0';
        fine = mkdir(copy, 0777) == 0 || errno == EEXIST;
        *p = '/';
    }
    if (!fine) complain("cannot make %s: %s", path, strerror(copy == NULL ? ENOMEM : errno));
    free(copy);
    return fine;
}

/* A run that starts anew must not destroy the model of an earlier one. */
static bool keep_earlier_model(const training *t) {
    if (access(t->model_path, F_OK) != 0) return true;
    bool moved = false;
    for (int i = 1; i <= EARLIER_MODELS_MAX && !moved; i++) {
        char name[32];
        snprintf(name, sizeof name, "model-%d.safetensors", i);
        char *path = join(t->out, name);
        if (path == NULL) break;
        if (access(path, F_OK) != 0) {
            moved = rename(t->model_path, path) == 0;
            if (moved) fprintf(stderr, "the earlier model is now %s\n", path);
            i = EARLIER_MODELS_MAX;
        }
        free(path);
    }
    if (!moved) complain("%s is in the way and cannot be moved", t->model_path);
    return moved;
}

/* Remove what a run that was killed while writing has left: NAME.tmp-XXXXXX. */
static void remove_leftovers(const training *t) {
    static const char *const starts[] = {"model.safetensors.tmp-", "loss.svg.tmp-"};
    DIR *folder = opendir(t->out);
    if (folder == NULL) return;
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        for (size_t i = 0; i < sizeof starts / sizeof starts[0]; i++) {
            if (strncmp(entry->d_name, starts[i], strlen(starts[i])) == 0)
                unlinkat(dirfd(folder), entry->d_name, 0);
        }
    }
    closedir(folder);
}

static int open_files(training *t) {
    if (!make_folders(t->out)) return EXIT_FAILED;
    remove_leftovers(t);
    if (!t->resume && !keep_earlier_model(t)) return EXIT_FAILED;
    uint64_t position = orion_train_trainer_position(t->trainer);
    t->json.file = runlog_open(t->log_path, position, &t->losses);
    return t->json.file == NULL ? EXIT_FAILED : EXIT_DONE;
}

static size_t summary_window(const training *t) {
    size_t tenth = t->losses.count / 10 + 1;
    return tenth < SUMMARY_STEPS ? tenth : SUMMARY_STEPS;
}

/* Checkpoint and curve as of now. */
static int save(training *t) {
    uint64_t position = orion_train_trainer_position(t->trainer);
    t->save_failed = true;
    orion_status status = orion_train_trainer_save(t->trainer, t->model_path, t->s.diag);
    if (report(t->s.diag, status, t->model_path) != EXIT_DONE) return EXIT_FAILED;
    t->saved_at = position;
    char label[64], subtitle[128], parameters[32];
    snprintf(label, sizeof label, "unigram entropy %.3f", t->entropy);
    snprintf(subtitle, sizeof subtitle,
             "%s parameters, step %" PRIu64 " of %" PRIu64 ", %u x %u tokens each",
             format_count(parameters, (double)orion_train_model_elements(t->s.model)), position,
             t->options.steps, t->options.batch * t->options.accumulation, t->options.length);
    const curve_text text = {
        .title = "Training loss",
        .subtitle = subtitle,
        .final = curve_tail(&t->losses, summary_window(t)),
        .reference = t->entropy,
        .reference_label = label,
    };
    t->save_failed = !curve_write_svg(&t->losses, t->curve_path, &text);
    return t->save_failed ? EXIT_FAILED : EXIT_DONE;
}

/* ---- the loop ---- */

/* Finish a record; a failure of the log is complained about here, of standard output by
 * close_output. */
static bool end_record(training *t) {
    if (record_end(&t->json)) return true;
    if (ferror(t->json.file)) {
        progress_clear(&t->bar);
        complain("cannot write %s: %s", t->log_path, strerror(errno));
    }
    return false;
}

static bool describe(training *t) {
    char a[32], b[32];
    const orion_train_model_config *c = &t->config;
    const orion_train_options *o = &t->options;
    uint64_t parameters = orion_train_model_elements(t->s.model);
    uint64_t position = orion_train_trainer_position(t->trainer);
    size_t tokens;
    orion_train_data_tokens(t->data, &tokens);
    const char *device = orion_ane_backend_name(orion_ane_device_backend(t->s.device));

    fprintf(stderr, "model  %s parameters: %u layers, width %u, %u heads, %s tokens, context %u\n",
            format_count(a, (double)parameters), c->layers, c->dim, c->heads,
            format_count(b, c->vocab), c->context);
    fprintf(stderr, "data   %s tokens", format_count(a, (double)tokens));
    if (t->data_path == NULL) fprintf(stderr, " of stories, seed %" PRIu64, t->stories);
    fprintf(stderr, "; unigram entropy %.4f nats/token\n", t->entropy);
    fprintf(stderr, "run    steps %s to %s of ", format_count(a, (double)(position + 1)),
            format_count(b, (double)o->steps));
    fprintf(stderr, "%u x %u tokens on %s, %" PRIu64 " %s\n", o->batch * o->accumulation, o->length,
            device, t->s.threads, t->s.threads == 1 ? "thread" : "threads");

    record_begin(&t->json, "start");
    record_count(&t->json, "step", position);
    record_count(&t->json, "steps", o->steps);
    record_count(&t->json, "parameters", parameters);
    record_count(&t->json, "data_tokens", tokens);
    record_number(&t->json, "unigram_entropy", t->entropy, 9);
    record_text(&t->json, "device", device, strlen(device));
    record_count(&t->json, "threads", t->s.threads);
    return end_record(t);
}

static bool note_step(training *t, const orion_train_step *step) {
    double seconds = now_seconds() - t->started;
    t->tokens += step->tokens;
    record_begin(&t->json, "step");
    record_count(&t->json, "step", step->step);
    record_number(&t->json, "loss", step->loss, 9);
    record_number(&t->json, "learning_rate", step->learning_rate, 6);
    record_number(&t->json, "gradient_norm", step->gradient_norm, 6);
    record_count(&t->json, "tokens", step->tokens);
    record_number(&t->json, "seconds", seconds, 6);
    if (!end_record(t)) return false;

    char detail[96], rate[32];
    snprintf(detail, sizeof detail, "loss %.4f  %s tokens/s", step->loss,
             format_count(rate, (double)t->tokens / seconds));
    progress_update(&t->bar, step->step, detail);
    if (isfinite(step->loss) && !curve_add(&t->losses, (double)step->step, step->loss)) {
        complain("out of memory");
        return false;
    }
    return true;
}

/* A text that grows by pieces. */
typedef struct sample_text {
    char bytes[4096];
    size_t size;
} sample_text;

static int on_sample_piece(void *ctx, const char *bytes, size_t n, int32_t token) {
    (void)token;
    sample_text *text = ctx;
    if (n > sizeof text->bytes - text->size) return 1;
    if (n != 0) memcpy(text->bytes + text->size, bytes, n);
    text->size += n;
    return interrupted();
}

/* For one line of a terminal: blanks for line ends and control characters, '?' for bytes that are
 * not UTF-8. */
static void make_printable(char *s, size_t n) {
    for (size_t length; n != 0; s += length, n -= length) {
        length = utf8_length(s, n);
        if (length == 0) {
            *s = '?';
            length = 1;
        } else if (length == 1 && ((unsigned char)*s < 0x20 || *s == 0x7f)) {
            *s = ' ';
        }
    }
}

/* Show on one line what the model writes now. */
static int sample(training *t, uint64_t step) {
    session *s = &t->s;
    orion_train_model *model = NULL;
    orion_train_generator *generator = NULL;
    sample_text text = {.size = 0};
    orion_status status = orion_train_trainer_model(t->trainer, &model);
    if (status == ORION_OK)
        status = orion_train_generator_create(model, s->device, NULL, s->diag, &generator);
    if (status == ORION_OK) {
        const orion_train_generate_options *how =
            orion_train_generate_options(.piece = on_sample_piece, .ctx = &text, .temperature = 0.7,
                                         .top_p = 0.9, .seed = step, .max_tokens = SAMPLE_TOKENS);
        status = orion_train_generate(generator, s->tokenizer, "", 0, how, s->diag, NULL);
    }
    orion_train_generator_destroy(&generator);
    orion_train_model_unref(&model);
    if (report(s->diag, status, "write a sample") != EXIT_DONE) return EXIT_FAILED;

    record_begin(&t->json, "sample");
    record_count(&t->json, "step", step);
    record_text(&t->json, "text", text.bytes, text.size);
    make_printable(text.bytes, text.size);
    progress_clear(&t->bar);
    fprintf(stderr, "  step %" PRIu64 ": %.*s\n", step, (int)text.size, text.bytes);
    return end_record(t) ? EXIT_DONE : EXIT_FAILED;
}

static int run_steps(training *t) {
    uint64_t position = orion_train_trainer_position(t->trainer);
    progress_begin(&t->bar, "train", position, t->options.steps);
    t->started = t->bar.started;
    while (position < t->options.steps && !interrupted()) {
        orion_train_step step = {.size = sizeof step};
        orion_status status = orion_train_trainer_step(t->trainer, t->s.diag, &step);
        if (status != ORION_OK) progress_clear(&t->bar);
        if (report(t->s.diag, status, "train") != EXIT_DONE) return EXIT_FAILED;
        position = step.step;
        bool save_now = t->save_every != 0 && position % t->save_every == 0;
        bool sample_now = t->sample_every != 0 && position % t->sample_every == 0;
        if (!note_step(t, &step)) return EXIT_FAILED;
        if (save_now && save(t) != EXIT_DONE) return EXIT_FAILED;
        if (sample_now && sample(t, position) != EXIT_DONE) return EXIT_FAILED;
    }
    progress_clear(&t->bar);
    return EXIT_DONE;
}

/* ---- the end ---- */

static void print_quoted(const char *arg) {
    static const char safe[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                               "_-+=./:,@%";
    if (arg[0] != '\0' && strspn(arg, safe) == strlen(arg)) {
        fprintf(stderr, " %s", arg);
        return;
    }
    fputs(" '", stderr);
    for (; *arg != '\0'; arg++) {
        if (*arg == '\'') {
            fputs("'\\''", stderr);
        } else {
            fputc(*arg, stderr);
        }
    }
    fputc('\'', stderr);
}

static void say_how_to_resume(const training *t, int argc, char **argv) {
    fprintf(stderr, "stopped at step %" PRIu64 " of %" PRIu64 "; to go on: orion train",
            orion_train_trainer_position(t->trainer), t->options.steps);
    for (int i = 0; i < argc; i++) {
        if (strcmp(argv[i], "--resume") != 0) print_quoted(argv[i]);
    }
    fputs(" --resume\n", stderr);
}

static bool summarize(training *t) {
    char duration[32];
    size_t window = summary_window(t);
    double seconds = now_seconds() - t->started, loss = curve_tail(&t->losses, window);
    fprintf(stderr,
            "final loss %.4f nats/token (mean of %zu %s), unigram entropy %.4f; %s\n"
            "wrote %s, %s and %s\n",
            loss, window, window == 1 ? "step" : "steps", t->entropy,
            format_duration(duration, seconds), t->model_path, t->curve_path, t->log_path);
    record_begin(&t->json, "end");
    record_count(&t->json, "step", orion_train_trainer_position(t->trainer));
    record_number(&t->json, "final_loss", loss, 9);
    record_number(&t->json, "unigram_entropy", t->entropy, 9);
    record_number(&t->json, "seconds", seconds, 6);
    record_text(&t->json, "checkpoint", t->model_path, strlen(t->model_path));
    record_text(&t->json, "curve", t->curve_path, strlen(t->curve_path));
    return end_record(t);
}

static int train(training *t, int argc, char **argv) {
    uint64_t position = orion_train_trainer_position(t->trainer);
    if (position >= t->options.steps) {
        complain("all %" PRIu64 " steps of %s are done; ask for more with --steps",
                 t->options.steps, t->model_path);
        return EXIT_DONE;
    }
    int code = open_files(t);
    if (code != EXIT_DONE) return code;
    t->saved_at = position;
    if (!describe(t)) return EXIT_FAILED;
    catch_interrupts();
    code = run_steps(t);
    /* Also when a reader of standard output has gone or the log cannot be written. */
    bool unsaved = orion_train_trainer_position(t->trainer) != t->saved_at;
    if (unsaved && !t->save_failed && save(t) != EXIT_DONE) return EXIT_FAILED;
    if (code != EXIT_DONE) return code;
    if (!summarize(t)) return EXIT_FAILED;
    if (orion_train_trainer_position(t->trainer) >= t->options.steps) return EXIT_DONE;
    say_how_to_resume(t, argc, argv);
    return EXIT_INTERRUPTED;
}

static int close_log(training *t, int code) {
    if (t->json.file == NULL || fclose(t->json.file) == 0) return code;
    complain("cannot write %s: %s", t->log_path, strerror(errno));
    return EXIT_FAILED;
}

int cmd_train(int argc, char **argv) {
    training t = {0};
    define_options(&t);
    parse_result parsed = parse_options(&t.list, argc, argv);
    if (parsed != PARSE_OK) return parsed == PARSE_HELP ? EXIT_DONE : EXIT_USAGE;
    if (!check_options(&t)) return EXIT_USAGE;

    t.model_path = join(t.out, "model.safetensors");
    t.curve_path = join(t.out, "loss.svg");
    t.log_path = join(t.out, "log.jsonl");
    bool room = t.model_path != NULL && t.curve_path != NULL && t.log_path != NULL;
    int code = room ? session_open(&t.s) : report(NULL, ORION_ERROR_NO_MEMORY, "start");
    if (code == EXIT_DONE) code = read_options(&t);
    if (code == EXIT_DONE) code = load_model(&t);
    if (code == EXIT_DONE) code = load_data(&t);
    if (code == EXIT_DONE) code = create_trainer(&t);
    if (code == EXIT_DONE) code = train(&t, argc, argv);
    code = close_log(&t, code);

    orion_train_trainer_destroy(&t.trainer);
    orion_train_data_unref(&t.data);
    session_close(&t.s);
    curve_free(&t.losses);
    free(t.model_path);
    free(t.curve_path);
    free(t.log_path);
    return code;
}
