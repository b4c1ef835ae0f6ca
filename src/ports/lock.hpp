/// Exclusion that is cheap and nearly always right. What makes it safe is the fence in the store and the claim (R3, R15).
#pragma once

#include <string>

#include "ports/runtime.hpp"

namespace baton {

struct Lease {
  std::string name;
  std::string token;       ///< unique per acquisition
  core::Duration until{};  ///< Runtime::steady() until which it may be trusted: counted from the question
};

class Lock {
 public:
  virtual ~Lock() = default;
  /// Errors: lock.held (`where` = the holder's token: who knows that the holder is gone releases with it, and takes over) ·
  ///         lock.unavailable (go on under the fence alone).
  virtual awaitable<Result<Lease>> acquire(std::string name, core::Duration life) = 0;
  /// Errors: lock.lost (another's, or expired) · lock.unavailable.
  virtual awaitable<Result<Lease>> renew(Lease lease, core::Duration life) = 0;
  /// Frees it if it is still this lease's.
  virtual awaitable<void> release(Lease lease) = 0;
  /// Returns when the name may be free, or after `at_most`.
  virtual awaitable<void> until_free(std::string name, core::Duration at_most) = 0;
};

}  // namespace baton
