// The two arithmetics of the plain reference engine, with one interface: balls of a given precision, and
// exact rationals. The passes over the graph (real_forward, real_backward) are written once for both.
#pragma once

#include <boost/multiprecision/gmp.hpp>
#include <stdexcept>

#include "gradzone/arith/ball.hpp"

namespace gradzone {

/// Enclosures whose midpoints have `bits` bits.
class BallArithmetic {
 public:
  using Number = Ball;
  using Sum = BallSum;
  static constexpr bool always_certain = false;

  explicit BallArithmetic(int bits) : bits_(bits) {}
  int bits() const { return bits_; }

  Number from(double x) const { return Ball(x); }
  Sum sum() const { return Sum(bits_); }
  static bool is_zero(const Number& x) { return x.is_exact() && x.mid.is_zero(); }
  static Certain<int> sign(const Number& x) { return gradzone::sign(x); }
  static Certain<int> compare(const Number& a, const Number& b) { return gradzone::compare(a, b); }
  Number add(const Number& a, const Number& b) const { return gradzone::add(a, b, bits_); }
  Number subtract(const Number& a, const Number& b) const { return gradzone::subtract(a, b, bits_); }
  Number multiply(const Number& a, const Number& b) const { return gradzone::multiply(a, b, bits_); }
  Number divide(const Number& a, const Number& b) const { return gradzone::divide(a, b, bits_); }
  Number divide(const Number& a, Index n) const {
    return gradzone::divide(a, static_cast<unsigned long>(n), bits_);
  }
  Number square_root(const Number& x) const { return gradzone::square_root(x, bits_); }
  Number maximum(const Number& a, const Number& b) const { return gradzone::maximum(a, b, bits_); }
  /// Whether a says more than b of a number that both contain.
  static bool tighter(const Number& a, const Number& b) { return a.rad < b.rad; }

 private:
  int bits_;
};

/// Thrown where an operation leaves the rationals (the square root of a number that is no square).
struct NotRational : std::runtime_error {
  NotRational() : std::runtime_error("not a rational number") {}
};

class RationalArithmetic {
 public:
  using Number =
      boost::multiprecision::number<boost::multiprecision::gmp_rational, boost::multiprecision::et_off>;
  static constexpr bool always_certain = true;

  class Sum {
   public:
    void add_product(const Number& a, const Number& b) {
      if (!a.is_zero() && !b.is_zero()) sum_ += a * b;
    }
    void add(const Number& a) { sum_ += a; }
    Number take() { return std::move(sum_); }

   private:
    Number sum_ = 0;
  };

  static Number from(double x) {
    Number out;
    mpq_set_d(out.backend().data(), x);  // exact
    return out;
  }
  static Sum sum() { return {}; }
  static bool is_zero(const Number& x) { return x.is_zero(); }
  static Certain<int> sign(const Number& x) { return Certain<int>::known(x.sign()); }
  static Certain<int> compare(const Number& a, const Number& b) {
    const int order = a.compare(b);
    return Certain<int>::known((order > 0) - (order < 0));
  }
  static Number add(const Number& a, const Number& b) { return a + b; }
  static Number subtract(const Number& a, const Number& b) { return a - b; }
  static Number multiply(const Number& a, const Number& b) { return a * b; }
  static Number divide(const Number& a, const Number& b) { return a / b; }
  static Number divide(const Number& a, Index n) { return a / n; }
  static Number square_root(const Number& x) {
    const auto* q = x.backend().data();
    if (mpz_perfect_square_p(mpq_numref(q)) == 0 || mpz_perfect_square_p(mpq_denref(q)) == 0)
      throw NotRational();
    Number out;
    mpz_sqrt(mpq_numref(out.backend().data()), mpq_numref(q));
    mpz_sqrt(mpq_denref(out.backend().data()), mpq_denref(q));
    return out;
  }
  static Number maximum(const Number& a, const Number& b) { return a < b ? b : a; }
  static bool tighter(const Number&, const Number&) { return false; }
};

}  // namespace gradzone
