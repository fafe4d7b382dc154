// The optimisers' update of entry i (optimiser.hpp states it), for any number or vector of numbers: Ops has
// its arithmetic. Included inside a namespace, by each SIMD target and by the device; the includer says in
// GRADZONE_UPDATE_RULE what kind of functions these are.
#ifndef GRADZONE_UPDATE_RULE
#error "define GRADZONE_UPDATE_RULE first"
#endif

template <class Ops, class Real>
GRADZONE_UPDATE_RULE void update(const SgdScalars<Real>& s, const Slices<Real>& at, Index i) {
  auto w = Ops::load(at.parameter + i), g = Ops::load(at.gradient + i);
  if (s.decay != 0) g = Ops::store(Ops::fma(Ops::scalar(s.decay), w, g));
  if (s.momentum != 0) {
    const auto mu = Ops::scalar(s.momentum);
    auto b = Ops::load(at.first + i);
    b = Ops::store(Ops::mul(mu, b));
    b = Ops::store(Ops::add(g, b));
    Ops::save(b, at.first + i);
    g = s.nesterov ? Ops::store(Ops::fma(mu, b, g)) : b;
  }
  Ops::save(Ops::store(Ops::fma(Ops::scalar(s.minus_rate), g, w)), at.parameter + i);
}

template <class Ops, class Real>
GRADZONE_UPDATE_RULE void update(const AdamScalars<Real>& s, const Slices<Real>& at, Index i) {
  auto w = Ops::load(at.parameter + i), g = Ops::load(at.gradient + i);
  auto m = Ops::load(at.first + i), v = Ops::load(at.second + i);
  if (s.decay != 0) g = Ops::store(Ops::fma(Ops::scalar(s.decay), w, g));
  if (s.shrink != 1) w = Ops::store(Ops::mul(Ops::scalar(s.shrink), w));
  m = Ops::store(Ops::mul(Ops::scalar(s.beta1), m));
  m = Ops::store(Ops::fma(Ops::scalar(s.rest1), g, m));
  v = Ops::store(Ops::mul(Ops::scalar(s.beta2), v));
  v = Ops::store(Ops::fma(Ops::mul(Ops::scalar(s.rest2), g), g, v));
  Ops::save(m, at.first + i);
  Ops::save(v, at.second + i);
  auto d = Ops::store(Ops::sqrt(v));
  d = Ops::store(Ops::div(d, Ops::scalar(s.correction)));
  d = Ops::store(Ops::add(d, Ops::scalar(s.epsilon)));
  const auto change = Ops::div(Ops::mul(Ops::scalar(s.minus_step), m), d);
  Ops::save(Ops::store(Ops::add(w, change)), at.parameter + i);
}

#undef GRADZONE_UPDATE_RULE
