/// What the users of one world want, and what becomes of their jobs: all of it from the seed.
#pragma once

#include <optional>
#include <vector>

#include "backend/memory/memory_cluster.hpp"
#include "ports/files.hpp"
#include "runtime/simulated/world.hpp"
#include "scheduling/start.hpp"

namespace baton::simulation {

/// One user's wish.
struct Order {
  Request request;
  core::Duration at;
  std::optional<core::Duration> cancelled_after;
};
struct Scenario {
  std::uint32_t replicas = 2;
  bool sqlite = false;
  bool no_lock = false;           ///< the lock service is away until the faults stop: the fence alone protects
  bool fails_over = false;        ///< the store may lose its last commits
  bool impatient = false;         ///< somebody wakes the runs again and again
  bool stops_at_the_end = false;  ///< replicas are told to stop when all is done
  MemoryCluster::Options cluster;
  core::Policy policy;
  core::Duration lock_life = std::chrono::seconds(2);
  core::Duration lasts = std::chrono::seconds(60);  ///< then the faults stop
  std::vector<Order> orders;
  std::uint64_t fates = 0;  ///< what becomes of a job: a function of this number and of its id
  bool upsets = false;
  bool lacks =
      false;  ///< half of the jobs find nothing that could run them, for a while: as many as may wait, and nothing else runs
};
[[nodiscard]] Scenario any_scenario(World& world);
[[nodiscard]] Fate fate_of(const Scenario& scenario, const core::Job& job);

/// The users' files: what the cluster made is where it was made.
class EchoingFiles final : public Files {
 public:
  awaitable<std::vector<Result<core::Stamp>>> look(std::vector<FileQuery> queries) override;
};

}  // namespace baton::simulation
