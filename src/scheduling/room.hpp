/// How much room there is in the backend for a run, and whose turn it is (R17). A user has so many jobs waiting there at a time, over all
/// his runs. Runs that find no room stand in line; while any do, none takes room out of its turn, not even what it has just left itself.
#pragma once

#include <map>
#include <memory>
#include <vector>

#include "core/decide.hpp"
#include "ports/runtime.hpp"
#include "ports/store.hpp"

namespace baton {

/// As many jobs of a user may wait in a backend with so many slots.
[[nodiscard]] constexpr std::uint32_t waiting_max_of(std::uint32_t slots) { return 2 * slots; }

/// What one replica knows of it: what the store has counted, about once a second, and what this replica's own passes have changed since. It is
/// not exact, nor need it be: passes elsewhere may hand over a few jobs more.
class Room {
 public:
  Room(Runtime& runtime, Store& store);

  struct Allowance {
    std::uint32_t room = 0;  ///< see core::Policy
    bool yields = false;     ///< as well
  };
  /// For a pass of this run, as it was read. @param waiting_max  as many jobs of a user may wait in the backend
  awaitable<Allowance> allowance(const core::Run& run, std::uint32_t waiting_max);
  /// A commit of ours has written this. @param run  as it was before  @return whether it left room
  bool committed(const core::Run& run, const core::Decision& decision);
  /// After a commit that left room while others stand in line, or whose own run does: runs of the user that have their turn now, marked, to be
  /// published. The store counts for it anew: who comes last of two that leave room, or of one that leaves it and one that begins to wait,
  /// sees what both have done.
  awaitable<std::vector<core::RunKey>> turns(UserId user, std::uint32_t waiting_max);

 private:
  struct Known {
    std::uint32_t jobs = 0;    ///< that wait in the backend, or are about to
    std::uint64_t change = 0;  ///< the number of our pass or commit that said so; 0: the store has counted them
  };
  awaitable<void> count_anew();
  [[nodiscard]] std::uint32_t jobs_of_others(const core::RunKey& run) const;
  [[nodiscard]] std::uint32_t in_line(UserId user) const;

  Runtime& runtime_;
  Store& store_;
  std::map<core::RunKey, Known> runs_;       ///< those of the last count, and those of our passes since
  std::map<UserId, std::uint32_t> in_line_;  ///< how many runs
  std::uint64_t changes_ = 0;
  core::Duration counted_{};  ///< steady; when the last count began
  std::unique_ptr<Event> counted_now_;
  bool counted_once_ = false, counting_ = false;
};

}  // namespace baton
