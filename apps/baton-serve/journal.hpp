/// What the replica's log says of runs, and of trouble: each kind of trouble once in a while, however often it happens.
#pragma once

#include <map>
#include <string>

#include "core/decide.hpp"
#include "ports/runtime.hpp"
#include "telemetry/log.hpp"

namespace baton::serve {

class Journal {
 public:
  Journal(Runtime& runtime, telemetry::Log& log) : runtime_(runtime), log_(log) {}

  /// A line for each change of a task's state, and for one of the run's result.
  void written(const core::Run& run, const core::Decision& decision, Fence fence);
  /// A run that a visit has found in quarantine, or put there.
  void held(const core::RunKey& run, const Error& why);
  /// What somebody has asked for, by the interface, and was done.
  void asked(std::string_view what, const core::RunKey& run);
  void trouble(const std::string& event, const Error& error);

 private:
  struct Told {
    core::Duration at{};
    std::uint64_t kept_back = 0;
  };
  Runtime& runtime_;
  telemetry::Log& log_;
  std::map<std::string, Told> told_;
};

}  // namespace baton::serve
