/// The secret between `baton serve` and the command line of the same user: a web page in a browser must not be able to start commands.
#pragma once

#include <string>

#include "core/result.hpp"

namespace baton::api {

/// Where the token is kept: BATON_TOKEN_FILE, else `$XDG_CONFIG_HOME/baton/token`, else `~/.config/baton/token`. Errors: api.token_file
/// (there is no home folder).
[[nodiscard]] Result<std::string> token_file();

/// BATON_TOKEN, else what is in `file` (empty: token_file()); where there is none, one is made that only this user can read. Of two servers that start at
/// once both get the same. Blocks. Errors: api.token_file (not readable, others can read it, too short, cannot be made).
[[nodiscard]] Result<std::string> serving_token(const std::string& file = {});

}  // namespace baton::api
