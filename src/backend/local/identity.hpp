/// Which state directory is meant, by whatever path and from whatever container it is reached.
#pragma once

#include <string>

#include "core/result.hpp"

namespace baton::local {

/// The name in the directory's file `identity`, with the directory's own number, which a copy has not. Both are made where they are missing; of
/// several who make them at once all get the same. @param fresh  the name of a new one. Errors: state.unusable
[[nodiscard]] Result<std::string> identity_of(const std::string& state, const std::string& fresh);

/// Whether jobs have been kept there.
[[nodiscard]] bool keeps_jobs(const std::string& state);

}  // namespace baton::local
