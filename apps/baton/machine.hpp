/// What this machine is called, and what it has to share out among jobs.
#pragma once

#include <cstdint>
#include <string>

#include "core/model.hpp"

namespace baton {

/// CPUs that this process may use.
[[nodiscard]] std::uint32_t cpus();
/// `ram` in bytes, of the machine or of the cgroup that this process is in, and `gpu`, the number of NVIDIA devices.
[[nodiscard]] core::Resources ram_and_gpus();

/// `host` where it has none.
[[nodiscard]] std::string host_name();

}  // namespace baton
