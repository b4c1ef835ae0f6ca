#include "api/answers.hpp"

#include <array>
#include <nlohmann/json.hpp>
#include <string_view>

#include "wire/views.hpp"

namespace baton::api {

Answer json_answer(unsigned status, const nlohmann::json& body) { return {.status = status, .body = wire::dump(body) + "\n"}; }

Answer error_answer(unsigned status, const Error& error) {
  auto answer = json_answer(status, {{"errors", nlohmann::json::array({wire::json_of(error)})}});
  if (status == 503 || status == 429) answer.headers.emplace_back("Retry-After", "1");
  return answer;
}

unsigned status_of(const Error& error) {
  struct Row {
    std::string_view code;  // ends with '.': all that begin so
    unsigned status;
  };
  constexpr std::array rows{
      Row{"api.not_json", 400},
      Row{"api.content_type", 415},
      Row{"api.stopping", 503},
      Row{"api.busy", 503},
      Row{"api.", 422},
      Row{"store.not_found", 404},
      Row{"log.none", 404},
      Row{"log.elsewhere", 409},
      Row{"run.unfinished", 409},
      Row{"run.too_many_open", 429},
      Row{"run.outbox_full", 503},
      Row{"store.run_exists", 409},
      Row{"store.not_yours", 409},
      Row{"input.", 422},
      Row{"usage.", 422},
      Row{"store.unavailable", 503},
      Row{"queue.", 503},
      Row{"lock.", 503},
      Row{"events.unavailable", 503},
      Row{"backend.unavailable", 503},
  };
  for (const auto& [code, status] : rows)
    if (code.ends_with('.') ? error.code.starts_with(code) : error.code == code) return status;
  return 500;
}

Answer error_answer(const Error& error) { return error_answer(status_of(error), error); }

}  // namespace baton::api
