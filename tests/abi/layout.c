/* SPDX-License-Identifier: MIT */
/*
 * Sizes, offsets and numbers that programs are compiled with, as they are on every 64-bit machine.
 *
 * A failing line means that programs built against older headers break. New structs, fields and
 * enumerators are added here (check-layout.py notices if not); the numbers of ir-ops.def and
 * messages.def stand in those tables alone.
 */
#include <orion/orion.h>
#include <stdio.h>

#if UINTPTR_MAX == UINT64_MAX
#define SIZE(type, bytes)       _Static_assert(sizeof(type) == (bytes), "size of " #type)
#define AT(type, field, offset) _Static_assert(offsetof(type, field) == (offset), #type "." #field)
#else
#define SIZE(type, bytes)       _Static_assert(sizeof(type) != 0, #type)
#define AT(type, field, offset) _Static_assert(sizeof(((type *)0)->field) != 0, #type "." #field)
#endif
#define NUMBER(name, number) _Static_assert((name) == (number), #name)

/* ---- base.h ---- */

NUMBER(ORION_MESSAGE_NONE, 0);

NUMBER(ORION_OK, 0);
NUMBER(ORION_ERROR_NO_MEMORY, -1);
NUMBER(ORION_ERROR_INVALID_ARGUMENT, -2);
NUMBER(ORION_ERROR_INVALID_STATE, -3);
NUMBER(ORION_ERROR_SYNTAX, -4);
NUMBER(ORION_ERROR_VERIFY, -5);
NUMBER(ORION_ERROR_UNSUPPORTED, -6);
NUMBER(ORION_ERROR_NOT_FOUND, -7);
NUMBER(ORION_ERROR_IO, -8);
NUMBER(ORION_ERROR_DEVICE, -9);
NUMBER(ORION_ERROR_COMPILE, -10);
NUMBER(ORION_ERROR_BUDGET, -11);
NUMBER(ORION_ERROR_ABI, -12);
NUMBER(ORION_ERROR_CANCELLED, -13);

SIZE(orion_allocator, 24);
AT(orion_allocator, size, 0);
AT(orion_allocator, ctx, 8);
AT(orion_allocator, realloc, 16);

SIZE(orion_writer, 24);
AT(orion_writer, size, 0);
AT(orion_writer, ctx, 8);
AT(orion_writer, write, 16);

NUMBER(ORION_SEVERITY_ERROR, 0);
NUMBER(ORION_SEVERITY_WARNING, 1);
NUMBER(ORION_SEVERITY_NOTE, 2);

SIZE(orion_diag_entry, 48);
AT(orion_diag_entry, size, 0);
AT(orion_diag_entry, message, 8);
AT(orion_diag_entry, severity, 12);
AT(orion_diag_entry, source, 16);
AT(orion_diag_entry, line, 24);
AT(orion_diag_entry, column, 28);
AT(orion_diag_entry, subject, 32);
AT(orion_diag_entry, text, 40);

/* ---- ir.h ---- */

NUMBER(ORION_IR_OP_NONE, 0);

NUMBER(ORION_IR_DTYPE_NONE, 0);
NUMBER(ORION_IR_F32, 1);
NUMBER(ORION_IR_F16, 2);
NUMBER(ORION_IR_BF16, 3);
NUMBER(ORION_IR_I32, 4);
NUMBER(ORION_IR_U16, 5);
NUMBER(ORION_IR_U8, 6);
NUMBER(ORION_IR_I8, 7);
NUMBER(ORION_IR_BOOL, 8);

SIZE(orion_ir_type, 72);
AT(orion_ir_type, dtype, 0);
AT(orion_ir_type, rank, 4);
AT(orion_ir_type, dims, 8);

NUMBER(ORION_IR_ATTR_INT, 1);
NUMBER(ORION_IR_ATTR_FLOAT, 2);
NUMBER(ORION_IR_ATTR_BOOL, 3);
NUMBER(ORION_IR_ATTR_INTS, 4);
NUMBER(ORION_IR_ATTR_DTYPE, 5);

SIZE(orion_ir_op_info, 48);
AT(orion_ir_op_info, size, 0);
AT(orion_ir_op_info, name, 8);
AT(orion_ir_op_info, doc, 16);
AT(orion_ir_op_info, op, 24);
AT(orion_ir_op_info, is_model, 28);
AT(orion_ir_op_info, min_inputs, 32);
AT(orion_ir_op_info, max_inputs, 36);
AT(orion_ir_op_info, results, 40);
AT(orion_ir_op_info, attr_count, 44);

SIZE(orion_ir_attr_info, 40);
AT(orion_ir_attr_info, size, 0);
AT(orion_ir_attr_info, name, 8);
AT(orion_ir_attr_info, fallback, 16);
AT(orion_ir_attr_info, doc, 24);
AT(orion_ir_attr_info, kind, 32);
AT(orion_ir_attr_info, reserved, 36);

SIZE(orion_ir_value, 4);
AT(orion_ir_value, id, 0);

SIZE(orion_ir_attr, 40);
AT(orion_ir_attr, name, 0);
AT(orion_ir_attr, ints, 8);
AT(orion_ir_attr, int_count, 16);
AT(orion_ir_attr, i, 24);
AT(orion_ir_attr, f, 32);

SIZE(orion_ir_pass_options, 24);
AT(orion_ir_pass_options, size, 0);
AT(orion_ir_pass_options, verify_each, 8);
AT(orion_ir_pass_options, stress, 12);
AT(orion_ir_pass_options, dump, 16);

NUMBER(ORION_IR_EVAL_EXACT, 0);
NUMBER(ORION_IR_EVAL_ROUNDED, 1);
NUMBER(ORION_IR_EVAL_HALF, 2);

SIZE(orion_ir_outline_options, 16);
AT(orion_ir_outline_options, size, 0);
AT(orion_ir_outline_options, min_nodes, 8);

SIZE(orion_ir_grad_options, 40);
AT(orion_ir_grad_options, size, 0);
AT(orion_ir_grad_options, output, 8);
AT(orion_ir_grad_options, inputs, 16);
AT(orion_ir_grad_options, input_count, 24);
AT(orion_ir_grad_options, seed, 32);

/* ---- mil.h ---- */

NUMBER(ORION_MIL_DTYPE_NONE, 0);
NUMBER(ORION_MIL_FP16, 1);
NUMBER(ORION_MIL_FP32, 2);
NUMBER(ORION_MIL_UINT8, 3);
NUMBER(ORION_MIL_INT8, 4);
NUMBER(ORION_MIL_BF16, 5);
NUMBER(ORION_MIL_INT16, 6);
NUMBER(ORION_MIL_UINT16, 7);
NUMBER(ORION_MIL_INT4, 8);
NUMBER(ORION_MIL_UINT1, 9);
NUMBER(ORION_MIL_UINT2, 10);
NUMBER(ORION_MIL_UINT4, 11);
NUMBER(ORION_MIL_UINT3, 12);
NUMBER(ORION_MIL_UINT6, 13);
NUMBER(ORION_MIL_INT32, 14);
NUMBER(ORION_MIL_UINT32, 15);
NUMBER(ORION_MIL_FP8E4M3FN, 16);
NUMBER(ORION_MIL_FP8E5M2, 17);
NUMBER(ORION_MIL_FP64, 32);
NUMBER(ORION_MIL_INT64, 33);
NUMBER(ORION_MIL_UINT64, 34);
NUMBER(ORION_MIL_BOOL, 35);
NUMBER(ORION_MIL_STRING, 36);

SIZE(orion_mil_parse_options, 24);
AT(orion_mil_parse_options, size, 0);
AT(orion_mil_parse_options, max_bytes, 8);
AT(orion_mil_parse_options, max_depth, 16);
AT(orion_mil_parse_options, max_errors, 20);

NUMBER(ORION_MIL_AS_IS, 0);
NUMBER(ORION_MIL_IOS16, 16);
NUMBER(ORION_MIL_IOS18, 18);

SIZE(orion_mil_print_options, 16);
AT(orion_mil_print_options, size, 0);
AT(orion_mil_print_options, dialect, 8);
AT(orion_mil_print_options, reserved, 12);

NUMBER(ORION_MIL_TYPE_NONE, 0);
NUMBER(ORION_MIL_TYPE_TENSOR, 1);
NUMBER(ORION_MIL_TYPE_LIST, 2);
NUMBER(ORION_MIL_TYPE_TUPLE, 3);
NUMBER(ORION_MIL_TYPE_DICT, 4);
NUMBER(ORION_MIL_TYPE_STATE, 5);

NUMBER(ORION_MIL_VALUE_NONE, 0);
NUMBER(ORION_MIL_VALUE_NAME, 1);
NUMBER(ORION_MIL_VALUE_INT, 2);
NUMBER(ORION_MIL_VALUE_FLOAT, 3);
NUMBER(ORION_MIL_VALUE_BOOL, 4);
NUMBER(ORION_MIL_VALUE_STRING, 5);
NUMBER(ORION_MIL_VALUE_LIST, 6);
NUMBER(ORION_MIL_VALUE_TUPLE, 7);
NUMBER(ORION_MIL_VALUE_DICT, 8);
NUMBER(ORION_MIL_VALUE_BLOB, 9);

SIZE(orion_mil_blob_writer_options, 16);
AT(orion_mil_blob_writer_options, size, 0);
AT(orion_mil_blob_writer_options, keep_duplicates, 8);
AT(orion_mil_blob_writer_options, reserved, 12);

SIZE(orion_mil_blob_entry, 48);
AT(orion_mil_blob_entry, size, 0);
AT(orion_mil_blob_entry, offset, 8);
AT(orion_mil_blob_entry, data_offset, 16);
AT(orion_mil_blob_entry, bytes, 24);
AT(orion_mil_blob_entry, elements, 32);
AT(orion_mil_blob_entry, dtype, 40);
AT(orion_mil_blob_entry, padding_bits, 44);

SIZE(orion_mil_blob_options, 32);
AT(orion_mil_blob_options, size, 0);
AT(orion_mil_blob_options, source, 8);
AT(orion_mil_blob_options, elements, 16);
AT(orion_mil_blob_options, lenient, 24);
AT(orion_mil_blob_options, reserved, 28);

SIZE(orion_mil_half_report, 64);
AT(orion_mil_half_report, size, 0);
AT(orion_mil_half_report, elements, 8);
AT(orion_mil_half_report, overflows, 16);
AT(orion_mil_half_report, nans, 24);
AT(orion_mil_half_report, infinities, 32);
AT(orion_mil_half_report, subnormals, 40);
AT(orion_mil_half_report, vanished, 48);
AT(orion_mil_half_report, largest, 56);

SIZE(orion_mil_limit, 32);
AT(orion_mil_limit, size, 0);
AT(orion_mil_limit, name, 8);
AT(orion_mil_limit, source, 16);
AT(orion_mil_limit, value, 24);

NUMBER(ORION_MIL_SOLID, 1);
NUMBER(ORION_MIL_EXPLAINED, 2);
NUMBER(ORION_MIL_DOUBTFUL, 3);

SIZE(orion_mil_rule, 88);
AT(orion_mil_rule, size, 0);
AT(orion_mil_rule, id, 8);
AT(orion_mil_rule, statement, 16);
AT(orion_mil_rule, severity, 24);
AT(orion_mil_rule, chips, 32);
AT(orion_mil_rule, os, 40);
AT(orion_mil_rule, symptom, 48);
AT(orion_mil_rule, workaround, 56);
AT(orion_mil_rule, source, 64);
AT(orion_mil_rule, verdict, 72);
AT(orion_mil_rule, level, 76);
AT(orion_mil_rule, enabled, 80);
AT(orion_mil_rule, decidable, 84);

SIZE(orion_mil_figure, 32);
AT(orion_mil_figure, size, 0);
AT(orion_mil_figure, name, 8);
AT(orion_mil_figure, source, 16);
AT(orion_mil_figure, value, 24);

NUMBER(ORION_MIL_PLACE_CONST, 1);
NUMBER(ORION_MIL_PLACE_INPUT, 2);
NUMBER(ORION_MIL_PLACE_PACKED, 3);
SIZE(orion_mil_place_options, 32);
AT(orion_mil_place_options, size, 0);
AT(orion_mil_place_options, values, 8);
AT(orion_mil_place_options, least_elements, 16);
AT(orion_mil_place_options, most_rows, 24);

SIZE(orion_mil_partition_options, 32);
AT(orion_mil_partition_options, size, 0);
AT(orion_mil_partition_options, weight_gradients, 8);
AT(orion_mil_partition_options, blocks, 12);
AT(orion_mil_partition_options, wide_ports, 16);
AT(orion_mil_partition_options, reserved, 20);
AT(orion_mil_partition_options, constant_bytes, 24);

SIZE(orion_mil_plan_program, 88);
AT(orion_mil_plan_program, size, 0);
AT(orion_mil_plan_program, name, 8);
AT(orion_mil_plan_program, graph, 16);
AT(orion_mil_plan_program, before, 24);
AT(orion_mil_plan_program, after, 32);
AT(orion_mil_plan_program, reasons, 40);
AT(orion_mil_plan_program, on_host, 48);
AT(orion_mil_plan_program, calls, 52);
AT(orion_mil_plan_program, ops, 56);
AT(orion_mil_plan_program, constant_bytes, 64);
AT(orion_mil_plan_program, port_bytes, 72);
AT(orion_mil_plan_program, largest_bytes, 80);

SIZE(orion_mil_plan_call, 48);
AT(orion_mil_plan_call, size, 0);
AT(orion_mil_plan_call, inputs, 8);
AT(orion_mil_plan_call, outputs, 16);
AT(orion_mil_plan_call, input_count, 24);
AT(orion_mil_plan_call, output_count, 32);
AT(orion_mil_plan_call, program, 40);
AT(orion_mil_plan_call, reserved, 44);

SIZE(orion_mil_plan_value, 96);
AT(orion_mil_plan_value, size, 0);
AT(orion_mil_plan_value, name, 8);
AT(orion_mil_plan_value, type, 16);
AT(orion_mil_plan_value, input, 88);
AT(orion_mil_plan_value, reserved, 92);

SIZE(orion_mil_work, 80);
AT(orion_mil_work, size, 0);
AT(orion_mil_work, on_host, 8);
AT(orion_mil_work, background, 12);
AT(orion_mil_work, calls, 16);
AT(orion_mil_work, ops, 24);
AT(orion_mil_work, constant_bytes, 32);
AT(orion_mil_work, conv_flops, 40);
AT(orion_mil_work, matmul_flops, 48);
AT(orion_mil_work, port_bytes, 56);
AT(orion_mil_work, moved_bytes, 64);
AT(orion_mil_work, largest_bytes, 72);

SIZE(orion_mil_cost, 80);
AT(orion_mil_cost, size, 0);
AT(orion_mil_cost, compile_ms, 8);
AT(orion_mil_cost, load_ms, 16);
AT(orion_mil_cost, update_ms, 24);
AT(orion_mil_cost, dispatch_ms, 32);
AT(orion_mil_cost, run_ms, 40);
AT(orion_mil_cost, port_ms, 48);
AT(orion_mil_cost, host_ms, 56);
AT(orion_mil_cost, step_ms, 64);
AT(orion_mil_cost, known, 72);
AT(orion_mil_cost, reserved, 76);

NUMBER(ORION_MIL_COST_COMPILE, 1);
NUMBER(ORION_MIL_COST_LOAD, 2);
NUMBER(ORION_MIL_COST_UPDATE, 4);
NUMBER(ORION_MIL_COST_DISPATCH, 8);
NUMBER(ORION_MIL_COST_RUN, 16);
NUMBER(ORION_MIL_COST_PORTS, 32);
NUMBER(ORION_MIL_COST_HOST, 64);
NUMBER(ORION_MIL_COST_STEP, 128);
NUMBER(ORION_MIL_COST_ALL, 255);

SIZE(orion_mil_lower_options, 32);
AT(orion_mil_lower_options, size, 0);
AT(orion_mil_lower_options, target, 8);
AT(orion_mil_lower_options, weights_path, 16);
AT(orion_mil_lower_options, dialect, 24);
AT(orion_mil_lower_options, inline_elements, 28);

SIZE(orion_mil_raise_options, 16);
AT(orion_mil_raise_options, size, 0);
AT(orion_mil_raise_options, lenient, 8);
AT(orion_mil_raise_options, reserved, 12);

/* ---- ane.h ---- */

NUMBER(ORION_ANE_BACKEND_AUTO, 0);
NUMBER(ORION_ANE_BACKEND_CPU, 1);
NUMBER(ORION_ANE_BACKEND_ANE_OBJC, 2);
NUMBER(ORION_ANE_BACKEND_ANE_E5RT, 3);

SIZE(orion_ane_device_options, 40);
AT(orion_ane_device_options, size, 0);
AT(orion_ane_device_options, allocator, 8);
AT(orion_ane_device_options, backend, 16);
AT(orion_ane_device_options, threads, 20);
AT(orion_ane_device_options, cache_entries, 24);
AT(orion_ane_device_options, saturate, 28);
AT(orion_ane_device_options, framework, 32);

SIZE(orion_ane_cache_stats, 40);
AT(orion_ane_cache_stats, size, 0);
AT(orion_ane_cache_stats, hits, 8);
AT(orion_ane_cache_stats, misses, 16);
AT(orion_ane_cache_stats, evictions, 24);
AT(orion_ane_cache_stats, entries, 32);

SIZE(orion_ane_source, 48);
AT(orion_ane_source, size, 0);
AT(orion_ane_source, text, 8);
AT(orion_ane_source, length, 16);
AT(orion_ane_source, name, 24);
AT(orion_ane_source, weights, 32);
AT(orion_ane_source, function, 40);

SIZE(orion_ane_port, 168);
AT(orion_ane_port, size, 0);
AT(orion_ane_port, name, 8);
AT(orion_ane_port, type, 16);
AT(orion_ane_port, strides, 88);
AT(orion_ane_port, bytes, 152);
AT(orion_ane_port, is_output, 160);
AT(orion_ane_port, alias, 164);

SIZE(orion_ane_program_stats, 72);
AT(orion_ane_program_stats, size, 0);
AT(orion_ane_program_stats, nodes, 8);
AT(orion_ane_program_stats, steps, 16);
AT(orion_ane_program_stats, reference_steps, 24);
AT(orion_ane_program_stats, fused_nodes, 32);
AT(orion_ane_program_stats, workspace_bytes, 40);
AT(orion_ane_program_stats, value_bytes, 48);
AT(orion_ane_program_stats, constant_bytes, 56);
AT(orion_ane_program_stats, packed_bytes, 64);

NUMBER(ORION_ANE_READ, 1);
NUMBER(ORION_ANE_WRITE, 2);

/* ---- train.h ---- */

SIZE(orion_train_model_config, 64);
AT(orion_train_model_config, size, 0);
AT(orion_train_model_config, dim, 8);
AT(orion_train_model_config, hidden, 12);
AT(orion_train_model_config, layers, 16);
AT(orion_train_model_config, heads, 20);
AT(orion_train_model_config, kv_heads, 24);
AT(orion_train_model_config, vocab, 28);
AT(orion_train_model_config, context, 32);
AT(orion_train_model_config, untied, 36);
AT(orion_train_model_config, rope_split, 40);
AT(orion_train_model_config, reserved, 44);
AT(orion_train_model_config, rope_theta, 48);
AT(orion_train_model_config, norm_epsilon, 56);

SIZE(orion_train_parameter, 104);
AT(orion_train_parameter, size, 0);
AT(orion_train_parameter, name, 8);
AT(orion_train_parameter, type, 16);
AT(orion_train_parameter, data, 88);
AT(orion_train_parameter, elements, 96);

NUMBER(ORION_TRAIN_GRAPH_DECODE, 0);
NUMBER(ORION_TRAIN_GRAPH_LOSS, 1);
NUMBER(ORION_TRAIN_GRAPH_LOGITS, 2);

SIZE(orion_train_graph_options, 32);
AT(orion_train_graph_options, size, 0);
AT(orion_train_graph_options, kind, 8);
AT(orion_train_graph_options, batch, 12);
AT(orion_train_graph_options, length, 16);
AT(orion_train_graph_options, context, 20);
AT(orion_train_graph_options, weights, 24);
AT(orion_train_graph_options, reserved, 28);

SIZE(orion_train_generator_options, 16);
AT(orion_train_generator_options, size, 0);
AT(orion_train_generator_options, context, 8);
AT(orion_train_generator_options, prefill, 12);

NUMBER(ORION_TRAIN_STOP_MAX_TOKENS, 0);
NUMBER(ORION_TRAIN_STOP_END, 1);
NUMBER(ORION_TRAIN_STOP_CONTEXT, 2);
NUMBER(ORION_TRAIN_STOP_CALLBACK, 3);

SIZE(orion_train_generate_options, 56);
AT(orion_train_generate_options, size, 0);
AT(orion_train_generate_options, piece, 8);
AT(orion_train_generate_options, ctx, 16);
AT(orion_train_generate_options, temperature, 24);
AT(orion_train_generate_options, top_p, 32);
AT(orion_train_generate_options, seed, 40);
AT(orion_train_generate_options, max_tokens, 48);
AT(orion_train_generate_options, reserved, 52);

SIZE(orion_train_generate_result, 48);
AT(orion_train_generate_result, size, 0);
AT(orion_train_generate_result, prompt_tokens, 8);
AT(orion_train_generate_result, new_tokens, 16);
AT(orion_train_generate_result, prompt_ns, 24);
AT(orion_train_generate_result, new_ns, 32);
AT(orion_train_generate_result, stop, 40);
AT(orion_train_generate_result, reserved, 44);

SIZE(orion_train_eval_options, 32);
AT(orion_train_eval_options, size, 0);
AT(orion_train_eval_options, batch, 8);
AT(orion_train_eval_options, length, 12);
AT(orion_train_eval_options, progress, 16);
AT(orion_train_eval_options, ctx, 24);

SIZE(orion_train_eval_result, 32);
AT(orion_train_eval_result, size, 0);
AT(orion_train_eval_result, documents, 8);
AT(orion_train_eval_result, tokens, 16);
AT(orion_train_eval_result, nats, 24);

SIZE(orion_train_options, 104);
AT(orion_train_options, size, 0);
AT(orion_train_options, steps, 8);
AT(orion_train_options, warmup, 16);
AT(orion_train_options, seed, 24);
AT(orion_train_options, batch, 32);
AT(orion_train_options, length, 36);
AT(orion_train_options, accumulation, 40);
AT(orion_train_options, reserved, 44);
AT(orion_train_options, learning_rate, 48);
AT(orion_train_options, learning_floor, 56);
AT(orion_train_options, beta1, 64);
AT(orion_train_options, beta2, 72);
AT(orion_train_options, epsilon, 80);
AT(orion_train_options, weight_decay, 88);
AT(orion_train_options, clip, 96);

SIZE(orion_train_step, 56);
AT(orion_train_step, size, 0);
AT(orion_train_step, step, 8);
AT(orion_train_step, tokens, 16);
AT(orion_train_step, loss, 24);
AT(orion_train_step, gradient_norm, 32);
AT(orion_train_step, learning_rate, 40);
AT(orion_train_step, skipped, 48);
AT(orion_train_step, reserved, 52);

int main(void) {
    puts("[       OK ] sizes, offsets and numbers");
    return 0;
}
