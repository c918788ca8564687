// SPDX-License-Identifier: MIT
// Runs a small layer and prints what comes out. Without arguments on the CPU; with the path of a
// framework, or of its emulator, on a Neural Engine.
import OrionSystem

let layer = """
    oir 1
    graph @layer(%x: f32[2,3], %w: f32[4,3]) -> (%y) {
      %z = linear %x, %w : f32[2,4]
      %y = silu %z : f32[2,4]
    }

    """

let framework = CommandLine.arguments.dropFirst().first
let program = try Program(text: layer, framework: framework)
let results = try program([
    "x": [1, 2, 3, -1, 0, 1],
    "w": [1, 0, 0, 0, 1, 0, 0, 0, 1, 1, 1, 1],
])
for (name, values) in results { print(name, values) }

// Nonsense becomes an error that says where.
do {
    _ = try Program(text: "oir 1\ngraph @g(")
} catch let error as OrionError where error.status == ORION_ERROR_SYNTAX {
    print("nonsense:", error)
}
