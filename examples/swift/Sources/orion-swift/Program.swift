// SPDX-License-Identifier: MIT
// Orion's handles owned by a class, its statuses as errors, its tensors as arrays.
import OrionSystem

struct OrionError: Error, CustomStringConvertible {
    let status: orion_status
    let description: String
}

/// Collects what calls have to say, and throws it where one fails.
final class Diagnostics {
    var handle: OpaquePointer?

    init() {
        if orion_diag_create(nil, &handle) != ORION_OK { handle = nil }
    }

    deinit {
        orion_diag_destroy(&handle)
    }

    func check(_ status: orion_status) throws {
        if status == ORION_OK { return }
        var lines: [String] = []
        for i in 0..<orion_diag_count(handle) {
            if let entry = orion_diag_get(handle, i) {
                lines.append(String(cString: entry.pointee.text))
            }
        }
        if lines.isEmpty { lines.append(String(cString: orion_status_string(status))) }
        throw OrionError(status: status, description: lines.joined(separator: "\n"))
    }
}

/// A graph as .oir text, compiled for the CPU or, with the path of a framework or of its emulator,
/// for a Neural Engine.
final class Program {
    private(set) var inputs: [String] = []
    private(set) var outputs: [String] = []
    private let diagnostics = Diagnostics()
    private var program: OpaquePointer?
    private var run: OpaquePointer?
    private var tensors: [String: OpaquePointer] = [:]

    init(text: String, framework: String? = nil) throws {
        var device: OpaquePointer?
        var graph: OpaquePointer?
        // Programs keep their device, runs their program.
        defer {
            orion_ir_graph_destroy(&graph)
            orion_ane_device_unref(&device)
        }
        try Program.open(framework, diagnostics, &device)
        try diagnostics.check(text.withCString {
            orion_ir_parse($0, text.utf8.count, "program", nil, diagnostics.handle, &graph)
        })
        try diagnostics.check(
            orion_ane_program_compile_graph(device!, graph!, diagnostics.handle, &program))
        try diagnostics.check(orion_ane_run_create(program!, &run))
        for i in 0..<orion_ane_program_port_count(program!) { try bind(port: i) }
    }

    deinit {
        orion_ane_run_destroy(&run)
        for tensor in tensors.values {
            var handle: OpaquePointer? = tensor
            orion_ane_tensor_unref(&handle)
        }
        orion_ane_program_unref(&program)
    }

    private static func open(_ framework: String?, _ diagnostics: Diagnostics,
                             _ device: inout OpaquePointer?) throws {
        var options = orion_ane_device_options()
        options.size = MemoryLayout<orion_ane_device_options>.size
        guard let path = framework else {
            options.backend = ORION_ANE_BACKEND_CPU.rawValue
            try diagnostics.check(orion_ane_device_open(&options, diagnostics.handle, &device))
            return
        }
        options.backend = ORION_ANE_BACKEND_ANE_OBJC.rawValue
        let status: orion_status = path.withCString {
            options.framework = $0
            return orion_ane_device_open(&options, diagnostics.handle, &device)
        }
        try diagnostics.check(status)
    }

    private func bind(port i: Int) throws {
        var port = orion_ane_port()
        var tensor: OpaquePointer?
        port.size = MemoryLayout<orion_ane_port>.size
        try diagnostics.check(orion_ane_program_port(program!, i, &port))
        try diagnostics.check(
            orion_ane_tensor_create_for(program!, port.name, diagnostics.handle, &tensor))
        let name = String(cString: port.name)
        tensors[name] = tensor
        if port.is_output != 0 { outputs.append(name) } else { inputs.append(name) }
        try diagnostics.check(orion_ane_run_bind(run!, port.name, tensor!, diagnostics.handle))
    }

    func callAsFunction(_ values: [String: [Float]]) throws -> [String: [Float]] {
        for name in inputs {
            let data = values[name] ?? []
            let bytes = data.count * MemoryLayout<Float>.size
            try diagnostics.check(data.withUnsafeBytes {
                orion_ane_tensor_write(tensors[name]!, ORION_IR_F32, $0.baseAddress!, bytes,
                                       diagnostics.handle)
            })
        }
        try diagnostics.check(orion_ane_run_execute(run!, diagnostics.handle))
        var results: [String: [Float]] = [:]
        for name in outputs {
            var type = orion_ane_tensor_type(tensors[name]!)
            var data = [Float](repeating: 0, count: Int(orion_ir_type_elements(&type)))
            let bytes = data.count * MemoryLayout<Float>.size
            try diagnostics.check(data.withUnsafeMutableBytes {
                orion_ane_tensor_read(tensors[name]!, ORION_IR_F32, $0.baseAddress!, bytes,
                                      diagnostics.handle)
            })
            results[name] = data
        }
        return results
    }
}
