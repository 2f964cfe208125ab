s/klock.dev\/policy: good/owner: shop/
/klock.dev\/summary/d
