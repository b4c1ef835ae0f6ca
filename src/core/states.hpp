/// The ten states of tasks and runs, and the state of a run as it follows from those of its tasks (C§1.1 to C§1.3).
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string_view>

namespace baton::core {

/// In the order of the reference's table; the names that people and JSON see are those of `to_text`.
enum class State : std::uint8_t {
  unknown,
  not_started,
  published,
  pending,
  waiting_for_cluster,
  waiting_for_resources,
  started,
  success,
  failed,
  aborted
};
inline constexpr int state_count = 10;

/// A set of states as bits.
class StateSet {
 public:
  constexpr StateSet() = default;
  // NOLINTNEXTLINE(google-explicit-constructor): one state is a set
  constexpr StateSet(State state) : bits_(static_cast<std::uint16_t>(1u << static_cast<unsigned>(state))) {}
  constexpr StateSet(std::initializer_list<State> states) {
    for (auto state : states) bits_ = static_cast<std::uint16_t>(bits_ | StateSet(state).bits_);
  }
  [[nodiscard]] constexpr bool has(State state) const { return (bits_ & StateSet(state).bits_) != 0; }
  [[nodiscard]] constexpr bool within(StateSet other) const { return (bits_ & ~other.bits_) == 0; }
  [[nodiscard]] constexpr bool empty() const { return bits_ == 0; }
  constexpr void add(State state) { bits_ = static_cast<std::uint16_t>(bits_ | StateSet(state).bits_); }
  friend constexpr StateSet operator|(StateSet a, StateSet b) {
    StateSet both;
    both.bits_ = static_cast<std::uint16_t>(a.bits_ | b.bits_);
    return both;
  }
  constexpr bool operator==(const StateSet&) const = default;

 private:
  std::uint16_t bits_ = 0;
};

/// C§1.2.
inline constexpr StateSet running_states{State::published, State::pending, State::waiting_for_resources, State::started,
                                         State::waiting_for_cluster};
inline constexpr StateSet final_states{State::success, State::failed, State::aborted};
inline constexpr StateSet to_start_states{State::published, State::waiting_for_cluster};
inline constexpr StateSet waiting_for_start_states{State::published, State::pending, State::waiting_for_resources,
                                                   State::waiting_for_cluster};
inline constexpr StateSet processing_states{State::pending, State::waiting_for_resources, State::started,
                                            State::waiting_for_cluster};

[[nodiscard]] constexpr bool is_running(State state) { return running_states.has(state); }
[[nodiscard]] constexpr bool is_final(State state) { return final_states.has(state); }
/// Of a task: a job may exist for it. Such a task always has a job id (R1).
[[nodiscard]] constexpr bool is_live(State state) { return state == State::pending || state == State::started; }

/// The state of a run whose tasks are in these states (C§1.3, later column): none = unknown; one = that one; else the first row of the
/// table that covers them; none covers them = unknown.
[[nodiscard]] State aggregate(StateSet tasks);

/// `STARTED`, `WAITING_FOR_CLUSTER`, …: what JSON and people see.
[[nodiscard]] std::string_view to_text(State state);
/// The database's spelling: STARTED is RUNNING there (C§1.1).
[[nodiscard]] std::string_view to_db(State state);
/// Reads either spelling.
[[nodiscard]] std::optional<State> state_from(std::string_view text);

}  // namespace baton::core
