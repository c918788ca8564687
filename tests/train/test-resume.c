/* SPDX-License-Identifier: MIT */
/*
 * A run that is interrupted ends with the same bits as one that is not.
 *
 * The hard case is a process that is killed while it writes its checkpoint. A child trains and
 * saves after every step; before each save it tells so through a pipe, and the parent kills it a
 * random moment after a random number of those. Then the next child resumes from what is there,
 * until all steps are done. Whatever the moment hit, the file under the final name must be whole.
 */
#define _XOPEN_SOURCE 700
#include "train-support.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "trainer-internal.h"

enum { STEPS = 40, HALF = 20 };

typedef struct course {
    bench b;
    orion_train_data *data;
    test_dir dir;
    char path[300]; /* of the checkpoint */
} course;

static course course_open(void) {
    course c = {.b = bench_open()};
    orion_train_model_config config = small_config();
    config.layers = 1;
    config.context = 16;
    c.b.model = random_model(&config, 11);
    assert_int_equal(orion_train_tokenizer_create_bytes(NULL, &c.b.tokenizer), ORION_OK);
    assert_ok(orion_train_data_create_stories(c.b.tokenizer, 2, 3000, NULL, c.b.diag, &c.data),
              c.b.diag);
    test_dir_create(&c.dir);
    snprintf(c.path, sizeof c.path, "%s", test_dir_file(&c.dir, "model.safetensors"));
    return c;
}

static void course_close(course *c) {
    test_dir_remove(&c->dir);
    orion_train_data_unref(&c->data);
    bench_close(&c->b);
}

static orion_train_trainer *begin(course *c) {
    orion_train_trainer *trainer = NULL;
    assert_ok(orion_train_trainer_create(
                  c->b.model, c->b.tokenizer, c->data, c->b.device,
                  orion_train_options(.steps = STEPS, .batch = 2, .accumulation = 2, .seed = 4),
                  c->b.diag, &trainer),
              c->b.diag);
    return trainer;
}

static orion_status resume(course *c, const char *path, orion_train_trainer **out) {
    return orion_train_trainer_resume(path, c->data, 0, c->b.device, NULL, c->b.diag, out);
}

static void train_to(course *c, orion_train_trainer *trainer, uint64_t position) {
    while (orion_train_trainer_position(trainer) < position)
        assert_ok(orion_train_trainer_step(trainer, c->b.diag, NULL), c->b.diag);
}

/* Values, moments and counters are the same bits. */
static void assert_same(const orion_train_trainer *a, const orion_train_trainer *b) {
    orion_train_model *x = NULL, *y = NULL;
    assert_int_equal(orion_train_trainer_model(a, &x), ORION_OK);
    assert_int_equal(orion_train_trainer_model(b, &y), ORION_OK);
    for (size_t i = 0; i < x->count; i++) {
        size_t bytes = x->parameters[i].elements * sizeof(float);
        assert_memory_equal(train_model_data(x, i), train_model_data(y, i), bytes);
        for (size_t which = 0; which < TRAIN_MOMENTS; which++)
            assert_memory_equal(a->slots[i].moments[which], b->slots[i].moments[which], bytes);
    }
    assert_memory_equal(&a->progress, &b->progress, sizeof a->progress);
    assert_memory_equal(&a->options, &b->options, sizeof a->options);
    orion_train_model_unref(&x);
    orion_train_model_unref(&y);
}

static void test_resume_is_exact(void **state) {
    (void)state;
    course c = course_open();
    orion_train_trainer *whole = begin(&c), *first = begin(&c), *second = NULL;
    train_to(&c, whole, STEPS);
    train_to(&c, first, HALF);
    assert_ok(orion_train_trainer_save(first, c.path, c.b.diag), c.b.diag);
    orion_train_trainer_destroy(&first);
    assert_ok(resume(&c, c.path, &second), c.b.diag);
    train_to(&c, second, STEPS);
    assert_same(whole, second);
    /* Saving twice gives the same file. */
    size_t a_size, b_size;
    const char *again = test_dir_file(&c.dir, "again");
    assert_ok(orion_train_trainer_save(whole, c.path, c.b.diag), c.b.diag);
    assert_ok(orion_train_trainer_save(second, again, c.b.diag), c.b.diag);
    char *a = test_read_file(c.path, &a_size), *b = test_read_file(again, &b_size);
    assert_int_equal(a_size, b_size);
    assert_memory_equal(a, b, a_size);
    free(a);
    free(b);
    orion_train_trainer_destroy(&whole);
    orion_train_trainer_destroy(&second);
    course_close(&c);
}

/* ---- killed while saving ---- */

/* In the child: never returns to the test. */
static void train_and_save(course *c, int to_parent) {
    orion_train_trainer *trainer = NULL;
    orion_status status = ORION_OK;
    if (access(c->path, F_OK) == 0) {
        status = resume(c, c->path, &trainer);
    } else {
        trainer = begin(c);
    }
    while (status == ORION_OK && orion_train_trainer_position(trainer) < STEPS) {
        status = orion_train_trainer_step(trainer, NULL, NULL);
        if (status == ORION_OK && write(to_parent, "s", 1) != 1) break;
        if (status == ORION_OK) status = orion_train_trainer_save(trainer, c->path, NULL);
    }
    _exit(status == ORION_OK ? 0 : 1);
}

static void sleep_ns(long ns) {
    struct timespec left = {0, ns};
    while (nanosleep(&left, &left) != 0 && errno == EINTR) continue;
}

/* Let a child train until it has begun `saves` checkpoints, and kill it a little later. */
static void run_child(course *c, uint64_t saves, long delay) {
    int pipe_ends[2];
    assert_int_equal(pipe(pipe_ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        close(pipe_ends[0]);
        train_and_save(c, pipe_ends[1]);
    }
    close(pipe_ends[1]);
    char byte;
    uint64_t seen = 0;
    while (seen < saves && read(pipe_ends[0], &byte, 1) == 1) seen++;
    sleep_ns(delay);
    kill(child, SIGKILL);
    close(pipe_ends[0]);
    int how;
    assert_int_equal(waitpid(child, &how, 0), child);
    /* It was killed, or had already done all: then without a failure. */
    assert_true(WIFSIGNALED(how) || (WIFEXITED(how) && WEXITSTATUS(how) == 0));
}

/* What was being written when the child died: refused, unless only the renaming was left to do. */
static size_t check_leftovers(course *c, size_t whole_size) {
    size_t count = 0;
    DIR *d = opendir(c->dir.path);
    assert_non_null(d);
    for (const struct dirent *e; (e = readdir(d)) != NULL;) {
        if (strstr(e->d_name, ".tmp-") == NULL) continue;
        const char *path = test_dir_file(&c->dir, e->d_name);
        orion_train_trainer *trainer = NULL;
        size_t size;
        free(test_read_file(path, &size));
        orion_status status = resume(c, path, &trainer);
        assert_int_equal(status == ORION_OK, size == whole_size);
        orion_train_trainer_destroy(&trainer);
        orion_diag_clear(c->b.diag);
        unlink(path);
        count++;
    }
    closedir(d);
    return count;
}

static void test_killed_while_saving(void **state) {
    (void)state;
    course c = course_open();
    orion_train_trainer *whole = begin(&c), *resumed = NULL;
    train_to(&c, whole, STEPS);
    const char *other = test_dir_file(&c.dir, "whole");
    size_t whole_size = 0, cut = 0, kills = 0;
    assert_ok(orion_train_trainer_save(whole, other, c.b.diag), c.b.diag);
    uint64_t random = 5, position = 0;
    while (position < STEPS) {
        /* At least the save before the last one announced is complete, so that it goes on. */
        run_child(&c, 2 + test_random(&random) % 3, (long)(test_random(&random) % 1500000));
        kills++;
        assert_ok(resume(&c, c.path, &resumed), c.b.diag);
        assert_true(orion_train_trainer_position(resumed) > position);
        position = orion_train_trainer_position(resumed);
        free(test_read_file(c.path, &whole_size));
        cut += check_leftovers(&c, whole_size);
        if (position < STEPS) orion_train_trainer_destroy(&resumed);
    }
    print_message("%zu kills, %zu amid a save\n", kills, cut);
    assert_same(whole, resumed);
    orion_train_trainer_destroy(&resumed);
    orion_train_trainer_destroy(&whole);
    course_close(&c);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_resume_is_exact),
        cmocka_unit_test(test_killed_while_saving),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
