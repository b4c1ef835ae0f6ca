/// A wake-up as it travels (C§2.2), so that replicas of other versions, and the reference, read it.
#pragma once

#include <string>
#include <string_view>

#include "core/run.hpp"

namespace baton {

/// `{"channel_name":…,"user_id":1,"project_id":"…","iteration":1}`
[[nodiscard]] std::string to_message(const core::RunKey& run, std::string_view channel_name);
/// Other members are passed over. Errors: queue.bad_message.
[[nodiscard]] Result<core::RunKey> from_message(std::string_view body);

}  // namespace baton
