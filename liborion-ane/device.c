/* SPDX-License-Identifier: MIT */
/* Devices: the list of back ends, opening one of them, reference counts. */
#include "ane-internal.h"

enum { THREADS_MAX = 256, CACHE_ENTRIES = 64 };

/* In the order in which "auto" tries them. No Neural Engine has been seen to work with this library
 * yet, so it is not the first choice (docs/decisions/0009). */
static const ane_backend *const backends[] = {&ane_backend_cpu, &ane_backend_objc,
                                              &ane_backend_e5rt};

const char *orion_ane_backend_name(orion_ane_backend backend) {
    if (backend == ORION_ANE_BACKEND_AUTO) return "auto";
    for (size_t i = 0; i < ORN_COUNT(backends); i++) {
        if (backends[i]->id == backend) return backends[i]->name;
    }
    return "unknown";
}

orion_status orion_ane_backend_from_name(const char *name, orion_diag *diag,
                                         orion_ane_backend *out_backend) {
    *out_backend = ORION_ANE_BACKEND_AUTO;
    if (strcmp(name, "auto") == 0) return ORION_OK;
    for (size_t i = 0; i < ORN_COUNT(backends); i++) {
        if (strcmp(backends[i]->name, name) == 0) {
            *out_backend = backends[i]->id;
            return ORION_OK;
        }
    }
    orion_allocator libc = orn_allocator(NULL);
    orn_text names;
    orn_text_init(&names, &libc);
    for (size_t i = 0; i < ORN_COUNT(backends); i++) {
        orn_text_printf(&names, ", %s", backends[i]->name);
    }
    ORN_ERROR(diag, ANE_BACKEND, name, "there is no back end '%s'; there are: auto%s", name,
              names.data == NULL ? "" : names.data);
    orn_text_free(&names);
    return ORION_ERROR_NOT_FOUND;
}

/* Open the asked-for back end, or for "auto" the first that works. */
static orion_status open_backend(orion_ane_device *d, orion_ane_backend wanted, orion_diag *diag) {
    orion_status status = ORION_ERROR_UNSUPPORTED;
    bool known = false;
    for (size_t i = 0; i < ORN_COUNT(backends) && status == ORION_ERROR_UNSUPPORTED; i++) {
        if (wanted != ORION_ANE_BACKEND_AUTO && wanted != backends[i]->id) continue;
        known = true;
        d->backend = backends[i];
        status = d->backend->open(&d->host, diag, &d->state);
    }
    if (!known) {
        ORN_ERROR(diag, ANE_BACKEND, NULL, "this library has no back end of number %u",
                  (unsigned)wanted);
    }
    return status;
}

/* What a device cannot do is done by the CPU beside it. */
static orion_status open_host(orion_ane_device *d, orion_diag *diag) {
    if (d->backend->target == NULL) return ORION_OK;
    return ane_backend_cpu.open(&d->host, diag, &d->host_state);
}

static void close_backends(orion_ane_device *d) {
    if (d->host_state != NULL) ane_backend_cpu.close(d->host_state);
    d->backend->close(d->state);
}

/* Surfaces for the tensors, whatever the back end: so that devices can share them. */
static orion_status open_surfaces(orion_ane_device *d) {
    d->surfaces = orn_zalloc(&d->host.allocator, sizeof *d->surfaces);
    if (d->surfaces == NULL) return ORION_ERROR_NO_MEMORY;
    if (!ane_surfaces_open(d->surfaces, d->host.framework)) {
        orn_free(&d->host.allocator, d->surfaces, sizeof *d->surfaces);
        d->surfaces = NULL;
    }
    return ORION_OK;
}

static void close_surfaces(orion_ane_device *d) {
    if (d->surfaces == NULL) return;
    ane_surfaces_close(d->surfaces);
    orn_free(&d->host.allocator, d->surfaces, sizeof *d->surfaces);
}

orion_status orion_ane_device_open(const orion_ane_device_options *options, orion_diag *diag,
                                   orion_ane_device **out_device) {
    *out_device = NULL;
    orion_ane_device_options o;
    TRY(orn_check_size(options, &o, sizeof o));
    if (o.threads > THREADS_MAX) {
        ORN_ERROR(diag, ANE_OPTION, "threads", "threads is %u, more than %d", o.threads,
                  (int)THREADS_MAX);
        return ORION_ERROR_INVALID_ARGUMENT;
    }
    orion_allocator a = orn_allocator(o.allocator);
    orion_ane_device *d = orn_zalloc(&a, sizeof *d);
    if (d == NULL) return ORION_ERROR_NO_MEMORY;
    d->host = (ane_host){.allocator = a,
                         .framework = o.framework,
                         .threads = ORN_MAX(o.threads, 1),
                         .saturate = o.saturate != 0};
    atomic_init(&d->refs, 1);
    orion_status status = open_surfaces(d);
    if (status == ORION_OK) status = open_backend(d, (orion_ane_backend)o.backend, diag);
    d->host.framework = NULL;
    if (status == ORION_OK) {
        status = open_host(d, diag);
        if (status == ORION_OK) {
            status = ane_cache_create(&a, o.cache_entries == 0 ? CACHE_ENTRIES : o.cache_entries,
                                      &d->cache);
        }
        if (status != ORION_OK) close_backends(d);
    }
    if (status != ORION_OK) {
        close_surfaces(d);
        orn_free(&a, d, sizeof *d);
        return status;
    }
    *out_device = d;
    return ORION_OK;
}

orion_ane_device *orion_ane_device_ref(orion_ane_device *device) {
    atomic_fetch_add_explicit(&device->refs, 1, memory_order_relaxed);
    return device;
}

void orion_ane_device_unref(orion_ane_device **device) {
    if (device == NULL || *device == NULL) return;
    orion_ane_device *d = *device;
    *device = NULL;
    if (atomic_fetch_sub_explicit(&d->refs, 1, memory_order_acq_rel) != 1) return;
    ane_cache_destroy(d->cache);
    close_backends(d);
    close_surfaces(d);
    orion_allocator a = d->host.allocator;
    orn_free(&a, d, sizeof *d);
}

orion_ane_backend orion_ane_device_backend(const orion_ane_device *device) {
    return device->backend->id;
}

uint32_t orion_ane_device_threads(const orion_ane_device *device) {
    return device->host.threads;
}

orion_status orion_ane_device_cache_stats(const orion_ane_device *device,
                                          orion_ane_cache_stats *out_stats) {
    orion_ane_cache_stats stats;
    ane_cache_get_stats(device->cache, &stats);
    return orn_fill_sized(&stats, out_stats, sizeof stats);
}

void orion_ane_device_cache_clear(orion_ane_device *device) {
    ane_cache_clear(device->cache);
}
