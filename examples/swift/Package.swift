// swift-tools-version:5.5
// SPDX-License-Identifier: MIT
// A Swift program on an installed Orion: `swift run --package-path examples/swift`.
import PackageDescription

let package = Package(
    name: "orion-swift",
    targets: [
        // Where headers and libraries are, pkg-config knows; what to link, Orion's module map.
        .systemLibrary(name: "OrionSystem", pkgConfig: "orion-ane"),
        .executableTarget(name: "orion-swift", dependencies: ["OrionSystem"]),
    ]
)
