/// The complete table over what is desired, recorded and observed of a task's job (R6). Data, to be reviewed against the rules; decide.cpp
/// walks it and has no `if` about these three.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <span>
#include <string_view>

#include "core/job.hpp"
#include "core/states.hpp"

namespace baton::core {

/// What is wanted of one task now. `drain`: a failure was seen and the run does not keep going, so nothing new begins; `expire`: it has
/// waited longer than it may; `cancel`: cancel or remove.
enum class Desired : std::uint8_t { run, drain, expire, cancel };
inline constexpr int desired_count = 4;
[[nodiscard]] std::string_view to_text(Desired desired);

enum class Transition : std::uint8_t {
  wait,             ///< it was heard of; the backend has it
  wait_for_result,  ///< it has finished, its result is on the way
  ask_again,        ///< nobody answered
  wait_for_proof,   ///< it has begun and is not to be found: its end record or its worker's end will tell
  queue,            ///< PENDING
  lack,             ///< WAITING_FOR_RESOURCES
  start,            ///< STARTED
  submit,           ///< hand the same job over again
  bar,              ///< make sure that it never begins
  cancel,           ///< stop it
  succeed,          ///< SUCCESS, with its outputs
  fail,             ///< the attempt failed: a retry, or FAILED
  lose,             ///< the attempt is lost: a new one, or FAILED
  try_anew,         ///< it was never begun and never will be: a new attempt, not counted
  abort,            ///< ABORTED
  expire            ///< FAILED: waited too long
};
[[nodiscard]] std::string_view to_text(Transition step);

/// A set of small enumerators as bits.
template <class T>
class Set {
 public:
  constexpr Set(T one) : bits_(1u << static_cast<unsigned>(one)) {}  // NOLINT(google-explicit-constructor)
  constexpr Set(std::initializer_list<T> many) {
    for (auto one : many) bits_ |= 1u << static_cast<unsigned>(one);
  }
  static constexpr Set all() {
    Set every(T{});
    every.bits_ = ~0u;
    return every;
  }
  [[nodiscard]] constexpr bool has(T one) const { return (bits_ & (1u << static_cast<unsigned>(one))) != 0; }

 private:
  std::uint32_t bits_ = 0;
};

struct Rule {
  Set<Desired> desired;
  Set<State> state;
  Set<Seen> seen;
  Transition then;
  std::string_view why;
};
/// The first that matches wins. Every (desired, state with a job, seen) has one: transition_test walks the product.
[[nodiscard]] std::span<const Rule> rules();
[[nodiscard]] const Rule& rule_for(Desired desired, State state, Seen seen);

/// What is done about a job whose attempt has ended and which still owes its release or its death (R9, R11).
/// `prove`: its end was seen, so that only the release is owed from now on, and done.
enum class Settlement : std::uint8_t { wait, release, prove, settle, bar, kill };
[[nodiscard]] Settlement settlement(Owed owed, Seen seen);

/// Whether this kind of end is one that the step retries.
[[nodiscard]] bool may_retry(const Retries& retries, EndKind kind);

}  // namespace baton::core
