// Images of a data set as results keep them for people.
#pragma once

#include "gradzone/data/dataset.hpp"
#include "gradzone/zones/record.hpp"

namespace gradzone {

/// The image for people; a vector is an image of one row.
inline Thumbnail thumbnail(const Dataset& data, Index image) {
  Shape shape = data.image_shape();
  while (shape.size() < 3) shape.insert(shape.begin(), 1);
  return {shape[0], shape[1], shape[2], data.pixels(image)};
}

}  // namespace gradzone
