/* SPDX-License-Identifier: MIT */
/* One step of training: gradients of the micro-batches, clipping, the update. */
#include "trainer-internal.h"

#include <math.h>

/*
 *   for each micro-batch   rows of the step -> program -> loss, gradients; added up if several
 *   norm                   of all gradients, in f64 and in one order
 *   finite?                if not, the step is skipped: position and schedule go on, weights stay
 *   update                 AdamW in place on the tensors that the program reads
 *
 * The device is idle while the host holds a lock, and the host holds none while the device runs.
 * Nothing is allocated.
 */

/* ---- access to tensors ---- */

static orion_status lock(orion_ane_tensor *tensor, uint32_t access, orion_diag *diag, void **out) {
    orion_status status = orion_ane_tensor_lock(tensor, access, out);
    if (status == ORION_OK) return ORION_OK;
    ORN_ERROR(diag, TRAIN_STEP, NULL, "the device does not give access to a tensor: %s",
              orion_status_string(status));
    return ORION_ERROR_DEVICE;
}

static orion_status fill_batch(orion_train_trainer *t, uint32_t micro, orion_diag *diag) {
    const orion_train_options *o = &t->options;
    void *tokens, *targets;
    TRY(lock(t->tokens, ORION_ANE_WRITE, diag, &tokens));
    orion_status status = lock(t->targets, ORION_ANE_WRITE, diag, &targets);
    if (status == ORION_OK) {
        train_data_rows(t->data, o->seed, t->progress.step, (uint64_t)micro * o->batch, o->batch,
                        o->length, tokens, targets);
        orion_ane_tensor_unlock(t->targets);
    }
    orion_ane_tensor_unlock(t->tokens);
    return status;
}

static orion_status read_loss(orion_train_trainer *t, orion_diag *diag, double *out) {
    float loss;
    TRY(orion_ane_tensor_read(t->loss, ORION_IR_F32, &loss, sizeof loss, diag));
    *out = (double)loss;
    return ORION_OK;
}

/* ---- gradients ---- */

static orion_status add_gradients(orion_train_trainer *t, uint32_t micro, orion_diag *diag) {
    float weight = 1.0f / (float)t->options.accumulation;
    for (size_t i = 0; i < t->shape->count; i++) {
        train_slot *slot = &t->slots[i];
        void *gradient;
        TRY(lock(slot->gradient, ORION_ANE_READ, diag, &gradient));
        train_accumulate(slot->sum, gradient, slot->elements, weight, micro == 0);
        orion_ane_tensor_unlock(slot->gradient);
    }
    return ORION_OK;
}

/* Loss and gradients of the whole step; *out_loss is the mean over its micro-batches. */
static orion_status run_batches(orion_train_trainer *t, orion_diag *diag, double *out_loss) {
    double sum = 0;
    uint32_t count = t->options.accumulation;
    for (uint32_t micro = 0; micro < count; micro++) {
        double loss;
        TRY(fill_batch(t, micro, diag));
        TRY(orion_ane_run_execute(t->stage.run, diag));
        TRY(read_loss(t, diag, &loss));
        if (count > 1) TRY(add_gradients(t, micro, diag));
        sum += loss;
    }
    *out_loss = sum / (double)count;
    return ORION_OK;
}

/* The gradient of one parameter: the sum, or the program's own tensor, which is then locked. */
static orion_status begin_gradient(train_slot *slot, orion_diag *diag, const float **out) {
    *out = slot->sum;
    if (slot->sum != NULL) return ORION_OK;
    void *data;
    TRY(lock(slot->gradient, ORION_ANE_READ, diag, &data));
    *out = data;
    return ORION_OK;
}

static void end_gradient(train_slot *slot) {
    if (slot->sum == NULL) orion_ane_tensor_unlock(slot->gradient);
}

static orion_status gradient_norm(orion_train_trainer *t, orion_diag *diag, double *out) {
    double squares = 0;
    for (size_t i = 0; i < t->shape->count; i++) {
        const float *gradient;
        TRY(begin_gradient(&t->slots[i], diag, &gradient));
        squares += train_sum_squares(gradient, t->slots[i].elements);
        end_gradient(&t->slots[i]);
    }
    *out = sqrt(squares);
    return ORION_OK;
}

/* ---- the update ---- */

static orion_status update_slot(train_slot *slot, const train_adamw *adamw, orion_diag *diag) {
    const float *gradient;
    void *value;
    TRY(begin_gradient(slot, diag, &gradient));
    orion_status status = lock(slot->value, ORION_ANE_READ | ORION_ANE_WRITE, diag, &value);
    if (status == ORION_OK) {
        train_adamw_update(adamw, slot->elements, value, gradient, slot->moments[TRAIN_MEAN],
                           slot->moments[TRAIN_SQUARE], slot->decays);
        orion_ane_tensor_unlock(slot->value);
    }
    end_gradient(slot);
    return status;
}

static orion_status update(orion_train_trainer *t, double lr, double norm, orion_diag *diag) {
    const orion_train_options *o = &t->options;
    train_adamw adamw = {.lr = lr,
                         .beta1 = o->beta1,
                         .beta2 = o->beta2,
                         .epsilon = o->epsilon,
                         .weight_decay = ORN_MAX(o->weight_decay, 0),
                         .gradient_scale = 1,
                         .step = t->progress.updates + 1};
    /* As torch.nn.utils.clip_grad_norm_ does. */
    if (o->clip > 0) adamw.gradient_scale = ORN_MIN(1, o->clip / (norm + 1e-6));
    for (size_t i = 0; i < t->shape->count; i++) TRY(update_slot(&t->slots[i], &adamw, diag));
    return ORION_OK;
}

/* ---- the step ---- */

static orion_status check_state(const orion_train_trainer *t, orion_diag *diag) {
    const train_progress *p = &t->progress;
    if (p->skipped >= TRAIN_SKIPPED_MAX) {
        ORN_ERROR(diag, TRAIN_DIVERGED, "loss",
                  "%llu steps in a row, up to step %llu, had no finite loss and gradient",
                  (unsigned long long)p->skipped, (unsigned long long)p->step);
        return ORION_ERROR_INVALID_STATE;
    }
    if (p->step < t->options.steps) return ORION_OK;
    ORN_ERROR(diag, TRAIN_FINISHED, "steps", "all %llu steps are done",
              (unsigned long long)t->options.steps);
    return ORION_ERROR_INVALID_STATE;
}

orion_status orion_train_trainer_step(orion_train_trainer *trainer, orion_diag *diag,
                                      orion_train_step *out_step) {
    orion_train_trainer *t = trainer;
    const orion_train_options *o = &t->options;
    train_progress *p = &t->progress;
    orion_train_step done = {.size = sizeof done};
    if (out_step != NULL) TRY(orn_fill_sized(&done, out_step, sizeof done));
    TRY(check_state(t, diag));
    TRY(run_batches(t, diag, &done.loss));
    TRY(gradient_norm(t, diag, &done.gradient_norm));
    done.learning_rate =
        train_schedule(o->learning_rate, o->learning_floor, o->warmup, o->steps, p->step);
    done.skipped = !isfinite(done.loss) || !isfinite(done.gradient_norm);
    if (!done.skipped) TRY(update(t, done.learning_rate, done.gradient_norm, diag));

    p->step++;
    p->updates += !done.skipped;
    p->skipped = done.skipped ? p->skipped + 1 : 0;
    done.step = p->step;
    done.tokens = (uint64_t)o->accumulation * o->batch * o->length;
    return out_step == NULL ? ORION_OK : orn_fill_sized(&done, out_step, sizeof done);
}
