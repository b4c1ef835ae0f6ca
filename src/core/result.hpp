/// Errors are values: the thing, the place, the way out. Expected failure is a Result; a broken invariant stops the process.
#pragma once

#include <string>
#include <tl/expected.hpp>

namespace baton {

/// `code` is for programs and never changes (`area.problem`, listed in docs/errors.md); the rest is for people.
struct Error {
  std::string code;
  std::string what;
  std::string where;    ///< `pipeline.yaml:14:19`, a path, a node; empty where there is none
  std::string way_out;  ///< what to do next; empty where nothing helps
  bool operator==(const Error&) const = default;
};

template <class T>
using Result = tl::expected<T, Error>;

inline tl::unexpected<Error> fail(Error error) { return tl::unexpected<Error>(std::move(error)); }

/// Prints where and what, then aborts. For invariants of our own only: what a peer, a disk or a user causes is an Error.
[[noreturn]] void assertion_failed(const char* expression, const char* file, int line) noexcept;

}  // namespace baton

/// On in release builds too.
#define BATON_ASSERT(expression) \
  (static_cast<bool>(expression) ? void(0) : ::baton::assertion_failed(#expression, __FILE__, __LINE__))
#define BATON_UNREACHABLE() ::baton::assertion_failed("unreachable", __FILE__, __LINE__)
