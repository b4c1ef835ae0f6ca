/// How much room there is in the backend for a run, and whose turn it is (R17). A user has so many jobs waiting there at a time, over all
/// his runs; whoever leaves some of it while other runs of the same user wait for it gives them their turn.
#pragma once

#include <map>
#include <vector>

#include "core/decide.hpp"
#include "ports/runtime.hpp"
#include "ports/store.hpp"

namespace baton {

/// What one replica knows of it: what the store has counted, about once a second, and what this replica's own commits have left since. It is
/// not exact, nor need it be: passes elsewhere may hand over a few jobs more.
class Room {
 public:
  Room(Runtime& runtime, Store& store);

  struct Allowance {
    std::uint32_t room = 0;   ///< see core::Policy
    std::uint32_t share = 0;  ///< as well
  };
  /// For a pass of this run, as it was read. @param waiting_max  as many jobs of a user may wait in the backend
  awaitable<Allowance> allowance(const core::Run& run, std::uint32_t waiting_max);
  /// A commit of ours has written this. @param run  as it was before
  void committed(const core::Run& run, const core::Decision& decision);
  /// After that: other runs of the user whose turn has come, marked, to be published. @param waits_for_room  whether this one does
  awaitable<std::vector<core::RunKey>> turns(core::RunKey run, bool waits_for_room, std::uint32_t waiting_max);

 private:
  struct Known {
    std::uint32_t jobs = 0;    ///< in state PENDING
    std::uint64_t commit = 0;  ///< the number of our commit that left them; 0: the store has counted them
  };
  awaitable<void> count_anew();
  [[nodiscard]] std::uint32_t jobs_of_others(const core::RunKey& run) const;
  [[nodiscard]] std::uint32_t others_without_room(const core::RunKey& run, bool waits_for_room) const;

  Runtime& runtime_;
  Store& store_;
  std::map<core::RunKey, Known> runs_;                 ///< those of the last count, and those of our commits since
  std::map<UserId, std::uint32_t> runs_without_room_;  ///< how many
  std::uint64_t commits_ = 0;
  core::Duration counted_{};  ///< steady; when the last count began
  bool counted_once_ = false, counting_ = false;
};

}  // namespace baton
