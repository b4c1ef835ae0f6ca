/// Taking a state directory to work in it.
#pragma once

#include <memory>
#include <string>

#include "cli/session.hpp"

namespace baton::cli {

/// Errors: state.held, naming who holds it; usage.resources; those of House::work.
[[nodiscard]] Result<std::unique_ptr<Workplace>> take_workplace(const Session& session);
/// "pid 123, at work on pipeline.yaml".
[[nodiscard]] std::string told(const Holder& holder);

}  // namespace baton::cli
