/** What Django 3.2 signed at 1,790,000,000 seconds since 1970, for user 7 whose password field is {@link password}. */
export const recorded = {
  present: {
    cookie:
      '.eJxVjMsOwiAQRf-FtSE8SgWX7vsNZIYZpGogKe3K-O_apAvd3nPOfYkI21ri1nmJM4mLOIvT74aQHlx3QHeotyZTq-syo9w' +
      'VedAup0b8vB7u30GBXr61U8Y7m7W3gU1KYwayzlLCEBDswGlwmT2OaAzboNkPRIABAmmnlXLi_QHvCDg2:1x8elk:XfEGC5v' +
      'p8Nmr28DfS8lBmDus11NgZhE8OFvLr13uizk',
    row:
      '.eJzdjEEOwiAQRe_C2pACpYJL956hmWEGqRpICk1MjHe3TbrQK_iX_7__XmKEpaVxqTyPE4mTOIrDd4cQ7py3gW6Qr0WGkts' +
      '8odwQua9VXgrx47yzP4IENa1v22lnTVTOeNYhDBHIWEMBvUcwPYfeRnY4oNZsvGLXEwF68KSs6jq7SnNpvJqefxLx_gA7GJi' +
      'a:1x8elk:UJtl_UkGeaC9b092qLxkQbKLed-9RAemV07c3ozKg8w',
    plain:
      'eyJfYXV0aF91c2VyX2lkIjoiNyIsIl9hdXRoX3VzZXJfYmFja2VuZCI6ImRqYW5nby5jb250cmliLmF1dGguYmFja2VuZHMu' +
      'TW9kZWxCYWNrZW5kIiwiX2F1dGhfdXNlcl9oYXNoIjoiNTAyODUzZjE4MzllMmNjNmZhZDM1M2RjYjk5YmEzNGVjNDVmZThi' +
      'NmIyMmUzOTFlODRkZGFiOWE5ZDE1MTAwNSJ9:1x8elk:Vjkv_uB4Rre57E48wFglKa61g4UodcPQW4EMeug6COs',
  },
  former: {
    cookie:
      '.eJxVjEEOwiAQRe_C2hAohU5duvcMZAYGqRpISrsy3l1JutDte-__l_C4b9nvjVe_RHEWkzj9MsLw4NJFvGO5VRlq2daFZE_' +
      'kYZu81sjPy9H-HWRs-bvGgGNinh0BW7IOE6kBQkw6sBsjUCcMNBgTLMxaIRMRTEYbqwCVeH8ALms5HQ:1x8elk:-VnfsXFBK' +
      'PQq8C5eLuvz0xZGvONGTc14ZtuN0DMrXWw',
    row:
      '.eJzdjEEOwiAQRe_C2hBaSjt16b5nIDMwSNVAUtrExHh3adKFXsG__P_99xIWtzXarfBiZy_OYhCn747Q3Tntg79humbpclq' +
      'XmeSOyGMtcsqeH5eD_RFELLG-0WEXmMeegA2ZHgOpFpwPjeO-80B7w0Ct1s7A2ChkIoJBN9ooQFWlKa9cTc8_iXh_ADf5mYE' +
      ':1x8elk:WhKEdPlRJHuXPSiKYclZFixnK7sWGpjTm7oq8rEt6PQ',
  },
  pickled: 'gAWVCgAAAAAAAAB9lIwBYZRLAXMu:1x8elk:DbhYv3CEP_jU8aFxaVqmY7QFbuBrJioSYUoZcNcxGAI',
} as const

export const signedAtMs = 1_790_000_000_000
export const password = 'pbkdf2_sha256$260000$salt$hash'
export const presentKey = 'the present key of a Django site in a test, 0123456789'
export const formerKey = 'the former key of a Django site in a test, 0123456789'
