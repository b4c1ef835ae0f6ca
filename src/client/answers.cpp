#include "client/answers.hpp"

#include <nlohmann/json.hpp>

#include "core/time_text.hpp"
#include "wire/views.hpp"

namespace baton::client {

bool is_passing(const Answer& answer) { return answer.status == 502 || answer.status == 503 || answer.status == 504; }

std::optional<Error> error_of(const Answer& answer, const Address& server) {
  if (answer.status >= 200 && answer.status < 300) return std::nullopt;
  if (answer.status == 401)
    return Error{.code = "auth.refused",
                 .what = "the server refuses the token",
                 .where = server.url,
                 .way_out = "set BATON_TOKEN to the server's, or BATON_TOKEN_FILE to the file that holds it"};
  const auto body = wire::parse(answer.body);
  if (body && body->is_object() && body->contains("errors") && body->at("errors").is_array() && !body->at("errors").empty()) {
    auto told = wire::error_from(body->at("errors").front());
    if (told) return std::move(*told);
  }
  return Error{.code = answer.status == 503 ? "server.silent" : "server.bad_answer",
               .what = "the server answers " + std::to_string(answer.status),
               .where = server.url,
               .way_out = answer.status == 503 ? "" : "is it a `baton serve` of this version?"};
}

Error unreachable(const Error& last, core::Duration how_long) {
  return {.code = "server.unreachable",
          .what = "no server has answered for " + core::to_text(how_long) + ": " + last.what,
          .where = last.where,
          .way_out = "is `baton serve` running there?"};
}

}  // namespace baton::client
