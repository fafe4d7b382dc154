#include "gradzone/io/onnx.hpp"

#include "gradzone/base/file.hpp"
#include "gradzone/io/onnx/importer.hpp"
#include "gradzone/io/onnx/model_file.hpp"

namespace gradzone {

OnnxNetwork parse_onnx(std::span<const std::byte> file, const std::filesystem::path& folder,
                       const std::string& where, const OnnxOptions& options) {
  const onnx::ModelProto model = parse_onnx_model(file, where);
  const std::string stem = printable_name(std::filesystem::path(where).stem().string());
  return OnnxImporter(model, OnnxTensors(folder, where), where, stem.empty() ? "onnx" : stem, options).run();
}

OnnxNetwork read_onnx(const std::filesystem::path& path, const OnnxOptions& options) {
  return parse_onnx(read_file(path, largest_onnx_file), path.parent_path(), path.string(), options);
}

}  // namespace gradzone
