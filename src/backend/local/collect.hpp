/// From the end that the keeper saw to the end that Baton tells: outputs checked, digested and published, or the error with its place.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "backend/local/messages.hpp"
#include "backend/local/ticket.hpp"
#include "core/job.hpp"

namespace baton::local {

inline constexpr std::uint64_t log_bytes_max = 64u << 20;   ///< R18: the first and the last half are kept
inline constexpr std::uint64_t value_bytes_max = 1u << 20;  ///< R18: of one value

/// Whether collecting costs so little that a loop may do it itself: nothing to read, copy or walk.
[[nodiscard]] bool is_quick(const Ticket& ticket, const Report& report);

/// Blocking. Can be called again after a crash at any point: it gives the same, publishing included (R2). By one at a time: turn.hpp.
/// @param own  Baton's folders, which are no part of an input that they lie in
[[nodiscard]] core::JobEnd collect(const Ticket& ticket, const Report& report, const std::vector<std::string>& own = {});

/// Cuts a log that is too long: its first half, a line that says so, its last half.
void cut_log(const std::string& path, std::uint64_t bytes_max = log_bytes_max);

}  // namespace baton::local
