/// The names of locks, as the reference spells them (C§2.1, C§2.2).
#pragma once

#include <string>

#include "core/run.hpp"

namespace baton {

inline std::string manager_lock() { return "simcore-service-director-v2-computational-distributed-scheduler"; }
inline std::string run_lock(const core::RunKey& run) {
  return "simcore-service-director-v2-computational-distributed-worker-" + core::to_text(run);
}

}  // namespace baton
