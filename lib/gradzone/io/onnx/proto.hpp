// The messages of an ONNX file, as the ONNX package's protobuf code has them.
#pragma once

#include <onnx/onnx_pb.h>
