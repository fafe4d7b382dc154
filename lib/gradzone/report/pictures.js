'use strict';
// Pictures of the data set: what the pages that draw on them share.

// A canvas with a pixel for a pixel of {channels, width, height, pixels: base64 of [c, h, w]}.
function pixels_of(image) {
  const bytes = Uint8Array.from(atob(image.pixels), (c) => c.charCodeAt(0));
  const small = el('canvas', {width: image.width, height: image.height});
  const ctx = small.getContext('2d'), picture = ctx.createImageData(image.width, image.height);
  const plane = image.width * image.height;
  for (let i = 0; i < plane; ++i) {
    for (let c = 0; c < 3; ++c) picture.data[4 * i + c] = bytes[image.channels >= 3 ? c * plane + i : i];
    picture.data[4 * i + 3] = 255;
  }
  ctx.putImageData(picture, 0, 0);
  return small;
}
