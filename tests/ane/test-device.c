/* SPDX-License-Identifier: MIT */
/* Devices: names of back ends, options, reference counts, statistics of the cache. */
#include "ane-support.h"

static void test_names(void **state) {
    (void)state;
    orion_ane_backend backend = ORION_ANE_BACKEND_CPU;
    assert_string_equal(orion_ane_backend_name(ORION_ANE_BACKEND_AUTO), "auto");
    assert_string_equal(orion_ane_backend_name(ORION_ANE_BACKEND_CPU), "cpu");
    assert_string_equal(orion_ane_backend_name((orion_ane_backend)999), "unknown");
    assert_int_equal(orion_ane_backend_from_name("auto", NULL, &backend), ORION_OK);
    assert_int_equal(backend, ORION_ANE_BACKEND_AUTO);
    assert_int_equal(orion_ane_backend_from_name("cpu", NULL, &backend), ORION_OK);
    assert_int_equal(backend, ORION_ANE_BACKEND_CPU);
    assert_int_equal(orion_ane_version(), 0x000100);
}

static void test_unknown_name(void **state) {
    (void)state;
    orion_diag *diag;
    orion_ane_backend backend = ORION_ANE_BACKEND_CPU;
    assert_int_equal(orion_diag_create(NULL, &diag), ORION_OK);
    assert_int_equal(orion_ane_backend_from_name("gpu", diag, &backend), ORION_ERROR_NOT_FOUND);
    assert_int_equal(backend, ORION_ANE_BACKEND_AUTO);
    assert_diag(diag, ORION_MESSAGE_ANE_BACKEND, "auto, cpu, ane-objc");
    orion_diag_destroy(&diag);
}

static void test_open(void **state) {
    (void)state;
    orion_ane_device *device;
    assert_int_equal(orion_ane_device_open(NULL, NULL, &device), ORION_OK);
    assert_int_equal(orion_ane_device_backend(device), ORION_ANE_BACKEND_CPU);
    assert_int_equal(orion_ane_device_threads(device), 1);
    orion_ane_device *other = orion_ane_device_ref(device);
    orion_ane_device_unref(&device);
    assert_null(device);
    assert_int_equal(orion_ane_device_threads(other), 1);
    orion_ane_device_unref(&other);
    orion_ane_device_unref(&other);
    orion_ane_device_unref(NULL);
    device = ane_open(ORION_ANE_BACKEND_CPU, 3);
    assert_int_equal(orion_ane_device_threads(device), 3);
    orion_ane_device_unref(&device);
}

static void refuse(const orion_ane_device_options *options, orion_status status,
                   orion_message message, const char *part) {
    orion_diag *diag;
    orion_ane_device *device = (orion_ane_device *)1;
    assert_int_equal(orion_diag_create(NULL, &diag), ORION_OK);
    assert_int_equal(orion_ane_device_open(options, diag, &device), status);
    assert_null(device);
    if (message != ORION_MESSAGE_NONE) assert_diag(diag, message, part);
    orion_diag_destroy(&diag);
}

static void test_options(void **state) {
    (void)state;
    refuse(orion_ane_device_options(.threads = 257), ORION_ERROR_INVALID_ARGUMENT,
           ORION_MESSAGE_ANE_OPTION, "257");
    refuse(orion_ane_device_options(.backend = 77), ORION_ERROR_UNSUPPORTED,
           ORION_MESSAGE_ANE_BACKEND, "77");
    struct {
        orion_ane_device_options known;
        uint64_t news;
    } newer = {.known = {.size = sizeof newer}, .news = 1};
    refuse(&newer.known, ORION_ERROR_ABI, ORION_MESSAGE_NONE, NULL);
    newer.news = 0;
    orion_ane_device *device;
    assert_int_equal(orion_ane_device_open(&newer.known, NULL, &device), ORION_OK);
    orion_ane_device_unref(&device);
    orion_ane_device_options older = {.size = offsetof(orion_ane_device_options, backend)};
    assert_int_equal(orion_ane_device_open(&older, NULL, &device), ORION_OK);
    orion_ane_device_unref(&device);
}

static void test_stats(void **state) {
    (void)state;
    orion_ane_device *device = ane_open(ORION_ANE_BACKEND_AUTO, 1);
    orion_ane_cache_stats stats = {.size = sizeof stats, .hits = 7};
    assert_int_equal(orion_ane_device_cache_stats(device, &stats), ORION_OK);
    assert_int_equal(stats.hits + stats.misses + stats.evictions + stats.entries, 0);
    stats.size = 1;
    assert_int_equal(orion_ane_device_cache_stats(device, &stats), ORION_ERROR_INVALID_ARGUMENT);
    orion_ane_device_cache_clear(device);
    orion_ane_device_unref(&device);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names), cmocka_unit_test(test_unknown_name),
        cmocka_unit_test(test_open),  cmocka_unit_test(test_options),
        cmocka_unit_test(test_stats),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
