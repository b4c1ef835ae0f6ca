/// One world: replicas of the real manager, worker and pass, users, a cluster, faults; then the faults end, and all must end well.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "faults.hpp"

namespace baton::simulation {

struct Outcome {
  std::uint64_t seed = 0;
  std::optional<std::string> violation;
  std::uint64_t steps = 0, trace = 0, commits = 0, runs = 0, tasks = 0, crashes = 0, strays = 0;
  core::Duration time{};
  bool sqlite = false;
  Table table;
  std::vector<std::string> story;  ///< only if asked for
};

struct Options {
  bool story = false;
};
[[nodiscard]] Outcome simulate(std::uint64_t seed, Options options = {});

}  // namespace baton::simulation
