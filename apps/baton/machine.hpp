/// What this machine has to share out among jobs.
#pragma once

#include <cstdint>
#include <string>

#include "core/model.hpp"

namespace baton {

/// CPUs that this process may use.
[[nodiscard]] std::uint32_t cpus();
/// `ram` in bytes, of the machine or of the cgroup that this process is in, and `gpu`, the number of NVIDIA devices.
[[nodiscard]] core::Resources ram_and_gpus();

[[nodiscard]] std::string host_name();

}  // namespace baton
