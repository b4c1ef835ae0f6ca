/// What is at a path, and what is in it. Blocking: for a thread of Lane::files, or for what is known to be small.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/model.hpp"
#include "core/result.hpp"

namespace baton::posix {

/// What has to be known of a path to stamp it; `FileQuery` without its `known`.
struct Wanted {
  std::string path;  ///< absolute
  bool directory = false;
  bool by_stat = false;  ///< the digest is over size and mtime: nothing is read
  /// Of a directory: folders, absolute, that are no part of it where they lie below it, by whatever way.
  std::vector<std::string> without{};
};

/// Looks without reading a file's content. A folder is walked.
struct Glance {
  std::string stat;            ///< as in core::Stamp
  std::string digest;          ///< known without reading: `by_stat`, or an empty file; else empty
  std::uint64_t bytes = 0;     ///< that a digest has to read
  std::int64_t newest_ns = 0;  ///< the latest mtime or ctime seen (UTC, ns)
};
/// Errors: input.missing, input.not_a_file, input.not_a_folder, input.unreadable.
[[nodiscard]] Result<Glance> glance(const Wanted& wanted);

/// The digest of the content: SHA-256 of a file's bytes; of a folder, over its sorted (path, mode, digest), where a link's digest is that
/// of its text. Errors: as `glance`.
[[nodiscard]] Result<std::string> digest(const Wanted& wanted);

/// Glance and digest as one stamp; what is `known`, settled and untouched is not read.
/// A file that changes while it is read is stamped with the stat from before, unsettled: it is read again next time.
[[nodiscard]] Result<core::Stamp> stamp(const Wanted& wanted, const std::optional<core::Stamp>& known = std::nullopt);
/// The same, after a glance.
[[nodiscard]] Result<core::Stamp> stamp(const Wanted& wanted, const Glance& seen);

/// `known` as it stands if it proves the content of what was seen.
[[nodiscard]] bool proves(const core::Stamp& known, const Glance& seen);

}  // namespace baton::posix
