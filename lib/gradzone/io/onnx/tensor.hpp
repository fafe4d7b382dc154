// The numbers of an ONNX file.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "gradzone/io/onnx/proto.hpp"
#include "gradzone/io/safetensors.hpp"

namespace gradzone {

/// Reads tensors: of the file itself, or beside it in the model's folder.
class OnnxTensors {
 public:
  OnnxTensors(std::filesystem::path folder, std::string where)
      : folder_(std::move(folder)), where_(std::move(where)) {}

  /// A shape whose dimensions and size an Index holds. Throws InputError.
  Shape shape(const onnx::TensorProto& tensor) const;
  /// True for FLOAT, DOUBLE, FLOAT16, BFLOAT16.
  static bool is_float(const onnx::TensorProto& tensor);
  /// Throws InputError, naming the tensor, for other element types, a number of elements that is not its
  /// shape's, and external data that are missing, cut short, or outside the folder.
  NamedTensor numbers(const onnx::TensorProto& tensor, const std::string& name) const;
  /// INT64 and INT32, of at most a thousand entries; throws as numbers().
  std::vector<Index> integers(const onnx::TensorProto& tensor) const;

 private:
  [[noreturn]] void fail(const std::string& tensor, const std::string& what) const;
  std::vector<std::byte> external_bytes(const onnx::TensorProto& tensor, std::size_t wanted) const;
  std::filesystem::path external_path(const onnx::TensorProto& tensor, const std::string& location) const;

  std::filesystem::path folder_;
  std::string where_;
};

}  // namespace gradzone
