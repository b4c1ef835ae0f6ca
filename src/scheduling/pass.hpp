/// One visit to a run: observe, decide, commit, act (design "The pass").
#pragma once

#include <functional>
#include <optional>

#include "core/decide.hpp"
#include "ports/backend.hpp"
#include "ports/lock.hpp"
#include "ports/runtime.hpp"
#include "ports/store.hpp"
#include "scheduling/room.hpp"

namespace baton {

/// What a replica remembers of a run between its passes. Lost with the replica, and then read again.
struct KnownRun {
  core::Run run;
  Fence fence = Fence::none();   ///< what `run` holds for certain: its last pass - 1, which brings that pass's own writes back
  Cursor cursor;                 ///< in the backend's news
  bool stream_lost = true;       ///< what the backend told us may be old, or nothing was told yet: everything is asked anew
  std::int32_t excused = 0;      ///< our passes that ended fenced or unavailable since one succeeded (R8)
  std::string failure;           ///< of our last pass, where it failed by the run's doing
  std::int32_t collisions = 0;   ///< our passes that ended fenced, in a row
  core::Duration used{};         ///< when it was last visited (steady)
  core::Instant store_time{};    ///< the store's clock at the last pass …
  core::Duration steady_time{};  ///< … and ours
};

enum class PassEnd : std::uint8_t {
  committed,    ///< and acted
  over,         ///< the run is not open, held without a desire, not ours, or gone
  backing_off,  ///< too early after a failed pass
  fenced,       ///< a newer pass owns the run: nothing was acted on
  unavailable   ///< unknown whether it was written: nothing was acted on
};
struct PassResult {
  PassEnd end = PassEnd::unavailable;
  bool woken = false;                        ///< committed: the mark moved meanwhile
  bool open = true;                          ///< committed: there is something left
  bool pending = true;                       ///< fenced: the mark is still pending
  std::optional<core::Duration> look_again;  ///< committed: until wake_at; backing_off: until the time has come
  std::vector<Outgoing> messages;            ///< committed: to be published
  std::vector<core::RunKey> turns;           ///< committed: other runs, marked, as there is room for them now: to be published
  std::optional<core::Duration> waited;      ///< committed: since the mark that it has answered, where there was one
  std::optional<Error> error;                ///< committed: why the backend was not asked, or told, all of it; it is again (R16)
};

struct PassOptions {
  ReplicaId replica;
  core::Policy policy;
  std::uint32_t waiting_max = 0;  ///< jobs of a user handed over and not begun, at most (R17); 0: as waiting_max_of says
  bool one_run = false;           ///< only one run at a time is visited, and nobody gives room to others: theirs is not counted
  core::Duration lock_life = std::chrono::seconds(10);
  /// Told of each decision that was written, before it is acted on: the run as it was, and what became of it.
  std::function<void(const core::Run&, const core::Decision&, Fence)> written = [](const core::Run&, const core::Decision&,
                                                                                   Fence) {};
};

class Pass {
 public:
  Pass(Runtime& runtime, Store& store, Lock& lock, Backend& backend, Room& room, const PassOptions& options)
      : runtime_(runtime), store_(store), lock_(lock), backend_(backend), room_(room), options_(options) {}

  /// `lease`: none where the lock service is away; then the fence alone protects. Renewed in place when it runs low.
  awaitable<PassResult> make(core::RunKey run, KnownRun& known, std::optional<Lease>& lease);

 private:
  awaitable<core::Policy> policy_for(const KnownRun& known, core::Instant store_now);
  [[nodiscard]] std::uint32_t waiting_max() const;
  awaitable<bool> still_ours(std::optional<Lease>& lease);
  awaitable<std::optional<Error>> act(core::RunKey run, core::Decision decision);
  awaitable<Result<void>> release(core::RunKey run, std::vector<JobId> jobs);

  Runtime& runtime_;
  Store& store_;
  Lock& lock_;
  Backend& backend_;
  Room& room_;
  const PassOptions& options_;
};

}  // namespace baton
