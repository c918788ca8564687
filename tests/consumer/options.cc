// SPDX-License-Identifier: MIT
// A stranger's C++17 program: every options struct is made empty, given its size, and filled by
// name. The macros that do this in C are not usable here, nor from Swift, which does as this file
// does.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <orion/orion.h>

template <typename T> static T sized() {
    T options = {};
    options.size = sizeof options;
    return options;
}

// Ownership in one line: X_unref and X_destroy take the address of the pointer.
struct unref {
    void operator()(orion_ane_device *d) const {
        orion_ane_device_unref(&d);
    }
    void operator()(orion_train_model *m) const {
        orion_train_model_unref(&m);
    }
    void operator()(orion_ir_graph *g) const {
        orion_ir_graph_destroy(&g);
    }
};
template <typename T> using handle = std::unique_ptr<T, unref>;

static void *count_and_realloc(void *ctx, void *ptr, size_t old_size, size_t new_size,
                               size_t align) {
    ++*static_cast<unsigned *>(ctx);
    if (new_size == 0) {
        std::free(ptr);
        return nullptr;
    }
    const size_t room = (new_size + align - 1) / align * align;
    void *block = std::aligned_alloc(align < sizeof(void *) ? sizeof(void *) : align, room);
    if (block != nullptr && ptr != nullptr) {
        std::memcpy(block, ptr, old_size < new_size ? old_size : new_size);
        std::free(ptr);
    }
    return block;
}

int main() {
    unsigned requests = 0;
    auto allocator = sized<orion_allocator>();
    allocator.ctx = &requests;
    allocator.realloc = count_and_realloc;

    auto device_options = sized<orion_ane_device_options>();
    device_options.allocator = &allocator;
    device_options.backend = ORION_ANE_BACKEND_CPU;
    device_options.threads = 2;
    orion_ane_device *device = nullptr;
    if (orion_ane_device_open(&device_options, nullptr, &device) != ORION_OK) return 1;
    const handle<orion_ane_device> device_owner(device);

    auto config = sized<orion_train_model_config>();
    config.dim = 16;
    config.heads = 2;
    config.layers = 1;
    config.context = 8;
    orion_train_model *model = nullptr;
    if (orion_train_model_create_random(&config, 1, &allocator, nullptr, &model) != ORION_OK)
        return 2;
    const handle<orion_train_model> model_owner(model);

    auto graph_options = sized<orion_train_graph_options>();
    graph_options.kind = ORION_TRAIN_GRAPH_LOSS;
    graph_options.weights = 1;
    orion_ir_graph *graph = nullptr;
    if (orion_train_model_graph(model, &graph_options, &allocator, nullptr, &graph) != ORION_OK)
        return 3;
    const handle<orion_ir_graph> graph_owner(graph);

    auto pass_options = sized<orion_ir_pass_options>();
    pass_options.verify_each = 1;
    if (orion_ir_run_passes(graph, "default", &pass_options, nullptr, nullptr) != ORION_OK)
        return 4;
    auto grad_options = sized<orion_ir_grad_options>();
    grad_options.output = "loss";
    orion_ir_graph *gradient = nullptr;
    if (orion_ir_grad(graph, &grad_options, &allocator, nullptr, &gradient) != ORION_OK) return 5;
    const handle<orion_ir_graph> gradient_owner(gradient);

    // The rest need only compile.
    (void)sized<orion_ir_outline_options>();
    (void)sized<orion_mil_parse_options>();
    (void)sized<orion_mil_print_options>();
    (void)sized<orion_mil_blob_writer_options>();
    (void)sized<orion_mil_blob_options>();
    (void)sized<orion_mil_lower_options>();
    (void)sized<orion_mil_raise_options>();
    (void)sized<orion_mil_partition_options>();
    (void)sized<orion_mil_place_options>();
    (void)sized<orion_ane_source>();
    (void)sized<orion_train_generator_options>();
    (void)sized<orion_train_generate_options>();
    (void)sized<orion_train_eval_options>();
    auto train_options = sized<orion_train_options>();
    train_options.steps = 10;

    std::printf("%zu nodes, %zu with the gradient; %u requests for memory\n",
                orion_ir_graph_node_count(graph), orion_ir_graph_node_count(gradient), requests);
    return requests > 0 && train_options.size == sizeof train_options ? 0 : 6;
}
