/// Results as answers.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "api/http.hpp"

namespace baton::api {

[[nodiscard]] Answer json_answer(unsigned status, const nlohmann::json& body);
/// `{"errors":[{code, what, where, way_out}]}`. With 503 it says when to ask again.
[[nodiscard]] Answer error_answer(unsigned status, const Error& error);
/// With the status that the error's code stands for (docs/api.md).
[[nodiscard]] Answer error_answer(const Error& error);
[[nodiscard]] unsigned status_of(const Error& error);

}  // namespace baton::api
