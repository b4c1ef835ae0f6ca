/// What can go wrong, how often it does in this world, and where it did.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string_view>
#include <vector>

#include "runtime/simulated/world.hpp"

namespace baton::simulation {

/// A port call. `spawned`: none yet, of this coroutine.
enum class Call : std::uint8_t {
  spawned,
  create_run,
  wake,
  desire,
  begin_pass,
  commit,
  progress,
  due,
  join,
  orphans,
  is_gone,
  outbox,
  told,
  crowd,
  turns,
  read,  // store
  publish,
  receive,
  ack,
  requeue,  // queue
  acquire,
  renew,
  unlock,
  until_free,  // lock
  submit,
  observe,
  bar,
  cancel,
  release,
  pushes,  // backend
  tell     // events
};
inline constexpr int call_count = 31;
[[nodiscard]] std::string_view to_text(Call call);

enum class Fault : std::uint8_t {
  none,
  crash,             ///< memory lost, before the call's effect
  crash_unanswered,  ///< memory lost, after the effect and before the answer
  pause,             ///< stopped for longer than the lock's life, before the effect
  pause_unanswered,  ///< and after it
  refused,           ///< an error; it did not happen
  answer_lost,       ///< an error; it happened
  late,              ///< an error; it happens later
  partly,            ///< an error; some of it happened
  doubled,           ///< it happens, and once more later
  silent,            ///< the backend does not answer
  message_lost,
  message_doubled,
  message_late,    ///< of those published
  channel_closed,  ///< what this replica has unacknowledged is delivered to somebody
  lease_expired,   ///< the lock of the run that is visited is free before its time
  stream_lost,     ///< the backend's pushes to this replica break off and begin anew
  sent_again,      ///< a job of the run that is visited, sent before, arrives once more
  cancelled,       ///< the user cancels the run that is visited
  clock_jumped,    ///< the store's clock, to and fro (R5)
  failover,        ///< once: the store's standby hears no more; once again: it becomes the store, without the last commits
};
inline constexpr int fault_count = 21;
[[nodiscard]] std::string_view to_text(Fault fault);
/// Whether this can happen at this call. @param visiting  the coroutine holds a message of a run
[[nodiscard]] bool can_strike(Fault fault, Call call, bool visiting);

/// How often each kind struck between which two port calls; added up over worlds.
struct Table {
  struct Row {
    std::uint64_t times = 0;     ///< how often this pair was seen while faults were on
    std::uint64_t visiting = 0;  ///< of these, by a coroutine that holds a message
    std::array<std::uint64_t, fault_count> struck{};
  };
  std::map<std::pair<Call, Call>, Row> rows;
  void add(const Table& other);
};

/// The faults of one world: each draws its own mix.
class Faults {
 public:
  /// @param fails_over  the store may lose its last commits in this world
  Faults(World& world, bool fails_over);
  /// What strikes the call that is about to be made; counted.
  Fault strike(Call before, Call call, bool visiting);
  /// What strikes between the effect and the answer.
  Fault strike_unanswered(Call before, Call call, bool visiting);
  void count(Fault fault, Call before, Call call) { ++table_.rows[{before, call}].struck[static_cast<std::size_t>(fault)]; }
  void stop() { on_ = false; }
  [[nodiscard]] bool on() const { return on_; }
  [[nodiscard]] const Table& table() const { return table_; }

 private:
  struct Rate {
    Fault fault;
    std::uint32_t per_10000;
  };
  Fault draw(Call before, Call call, bool visiting, bool unanswered);

  World& world_;
  std::vector<Rate> mix_;
  std::uint32_t left_ = 0;  ///< so many more; a world must also get something done
  bool on_ = true;
  Table table_;
};

}  // namespace baton::simulation
