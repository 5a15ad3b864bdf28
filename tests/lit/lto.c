// Before an LTO link clang's own pipeline is left alone: the choice belongs to the link, on the whole program.
// RUN: %make_policy %t.policy
// RUN: %clang --target=x86_64-pc-linux-gnu -Oz -flto -c %inputs/two.c -o %t.clang.bc
// RUN: %clang_ml --target=x86_64-pc-linux-gnu -Oz -flto %option -mlcomp-policy=%t.policy -c %inputs/two.c -o %t.ml.bc
// RUN: cmp %t.clang.bc %t.ml.bc
// RUN: %clang --target=x86_64-pc-linux-gnu -Oz -flto=thin -c %inputs/two.c -o %t.clang.thin
// RUN: %clang_ml --target=x86_64-pc-linux-gnu -Oz -flto=thin %option -mlcomp-policy=%t.policy -c %inputs/two.c -o %t.ml.thin
// RUN: cmp %t.clang.thin %t.ml.thin
// RUN: env "MLCOMP_PLUGIN_OPTIONS=-mlcomp-policy=%t.policy" ld.lld-19 -m elf_x86_64 -e sum \
// RUN:   --load-pass-plugin=%plugin --opt-remarks-filename %t.yaml %t.ml.bc -o %t.elf
// RUN: %FileCheck --check-prefix=LINK %s < %t.yaml
// LINK: Pass: {{ *}}mlcomp
