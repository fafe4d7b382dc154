// The outermost layer of an ONNX file: bytes to messages.
#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "gradzone/io/onnx/proto.hpp"

namespace gradzone {

/// Throws InputError, one line beginning with `where`, if the bytes are no ONNX model, have more parts than
/// any network needs (a part of two bytes takes a hundred in memory), are of another opset, or repeat the
/// name of an initialiser, an input or a value.
onnx::ModelProto parse_onnx_model(std::span<const std::byte> file, const std::string& where);

/// A name from the file on one line: printable, not endless.
std::string printable_name(const std::string& text);

}  // namespace gradzone
