#include "gradzone/io/onnx/values.hpp"

#include <fmt/format.h>

namespace gradzone {

const onnx::AttributeProto* NodeReader::find(std::string_view attribute) const {
  for (const auto& a : node_.attribute()) {
    if (a.name() == attribute) return &a;
  }
  return nullptr;
}

const onnx::AttributeProto* NodeReader::typed(std::string_view attribute, int type) const {
  const onnx::AttributeProto* found = find(attribute);
  if (found && found->type() != type)
    throw Obstacle{fmt::format("its attribute {} is of another type", attribute)};
  return found;
}

Index NodeReader::integer(std::string_view attribute, Index otherwise) const {
  const auto* found = typed(attribute, onnx::AttributeProto::INT);
  return found ? found->i() : otherwise;
}

double NodeReader::real(std::string_view attribute, double otherwise) const {
  const auto* found = typed(attribute, onnx::AttributeProto::FLOAT);
  return found ? static_cast<double>(found->f()) : otherwise;
}

std::string NodeReader::text(std::string_view attribute, std::string otherwise) const {
  const auto* found = typed(attribute, onnx::AttributeProto::STRING);
  return found ? found->s() : otherwise;
}

Integers NodeReader::integers(std::string_view attribute, Integers otherwise) const {
  const auto* found = typed(attribute, onnx::AttributeProto::INTS);
  return found ? Integers(found->ints().begin(), found->ints().end()) : otherwise;
}

}  // namespace gradzone
