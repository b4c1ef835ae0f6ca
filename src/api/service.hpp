/// What the handlers work with. main() makes it, and it outlives the server.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/run.hpp"
#include "ports/files.hpp"
#include "ports/runtime.hpp"
#include "ports/store.hpp"
#include "scheduling/start.hpp"
#include "scheduling/wakeups.hpp"

namespace baton::api {

class Watcher;

struct Health {
  bool store = true;      ///< it answers
  bool queue = true;      ///< it is consumed
  bool lock = true;       ///< told, and no reason to be unready: passes go on under the fence
  bool stopping = false;  ///< nothing new is taken
  [[nodiscard]] bool ready() const { return store && queue && !stopping; }
};

struct Place {
  Runtime& runtime;
  Store& store;
  Files& files;
  Wakeups& wakeups;
  Watcher& watcher;
  Host host;                                         ///< what a start may ask for
  std::vector<std::string> data;                     ///< folders (absolute) that projects may read; none: they may read no file
  std::string state;                                 ///< the state directory (absolute), below which this replica's logs are
  std::int32_t retries_lost = core::Retries{}.lost;  ///< of steps whose document does not say
  /// Why this user may not begin a run now (R18); none: he may. One that joins a run which it began before is not asked about.
  std::function<std::optional<Error>(UserId)> refuses = [](UserId) { return std::optional<Error>(); };
  /// Told what was done for somebody: `started`, `stop`, `released`.
  std::function<void(std::string_view, const core::RunKey&)> did = [](std::string_view, const core::RunKey&) {};
  std::function<Health()> health = [] { return Health{}; };
  std::function<std::string()> metrics = [] { return std::string(); };  ///< Prometheus text
  /// A stop that does not ask politely; where it is not set, such a stop is an ordinary one.
  std::function<void(const core::RunKey&)> kill = [](const core::RunKey&) {};
};

}  // namespace baton::api
